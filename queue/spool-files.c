/* SPDX-License-Identifier: ISC */
#include "queue/spool-files.h"
#include "queue/spool-stock.h"

static void drop(struct spool_files *f, size_t i)
{
	if (f->kept[i].fd_plus_one > 0)
		f->io->close(f->io, f->kept[i].fd_plus_one - 1);
	f->kept[i].fd_plus_one = 0;
}

int spool_files_get(struct spool_files *f, uint32_t slot)
{
	size_t i = slot % SPOOL_FILES_KEPT;
	char name[SPOOL_SLOT_NAME];
	if (f->kept[i].fd_plus_one > 0 && f->kept[i].slot == slot)
		return f->kept[i].fd_plus_one - 1;
	spool_stock_name(slot, name);
	int fd = f->io->open(f->io, SPOOL_DIR_SEGMENTS, name, O_RDONLY);
	if (fd < 0)
		return -1;
	drop(f, i);
	f->kept[i].fd_plus_one = fd + 1;
	f->kept[i].slot = slot;
	return fd;
}

void spool_files_forget(struct spool_files *f, uint32_t slot)
{
	size_t i = slot % SPOOL_FILES_KEPT;
	if (f->kept[i].slot == slot)
		drop(f, i);
}

void spool_files_reset(struct spool_files *f)
{
	for (size_t i = 0; i < SPOOL_FILES_KEPT; i++)
		drop(f, i);
}
