/* SPDX-License-Identifier: ISC */
#include "queue/spool-faults.h"

#include "common/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { TEXT_MAX = 512, NAME_SHOWN = 100, TRIES = 10000, KEPT_NAME = 64 };

void spool_faults_say(struct spool_faults *f, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	f->count++;
	f->on_fault(f->ctx, text);
}

/* The same octets, found again at the next start, are already there. */
void spool_faults_keep(struct spool_faults *f, uint32_t slot, uint64_t sequence, uint32_t offset,
    const uint8_t *p, size_t n, char *name)
{
	snprintf(name, KEPT_NAME, "%08u-%llu-%u-%zu", slot, (unsigned long long)sequence, offset, n);
	int fd = f->io->open(f->io, SPOOL_DIR_DAMAGED, name, O_WRONLY | O_CREAT | O_EXCL);
	if (fd < 0) {
		if (errno != EEXIST)
			snprintf(name, KEPT_NAME, "(not kept: errno %d)", errno);
		return;
	}
	int error = spool_io_write(f->io, fd, p, n, 0);
	if (error == 0 && (f->io->sync_file(f->io, fd) < 0 || f->io->sync_dir(f->io, SPOOL_DIR_DAMAGED) < 0))
		error = errno;
	f->io->close(f->io, fd);
	if (error != 0)
		snprintf(name, KEPT_NAME, "(not kept whole: errno %d)", error);
}

void spool_faults_bytes(struct spool_faults *f, uint32_t slot, uint64_t sequence, uint32_t offset,
    const uint8_t *p, size_t n, const char *what)
{
	char name[KEPT_NAME];
	const unsigned long long s = sequence;
	if (!f->set_aside) {
		spool_faults_say(f, "segments/%08u (sequence %llu), %zu octet%s at %u: %s", slot, s, n,
		    str_plural(n), offset, what);
		return;
	}
	spool_faults_keep(f, slot, sequence, offset, p, n, name);
	spool_faults_say(f, "segments/%08u (sequence %llu), %zu octet%s at %u: %s; set aside as damaged/%s",
	    slot, s, n, str_plural(n), offset, what, name);
}

static void printable(const char *name, char *out, size_t n)
{
	size_t i = 0;
	for (; name[i] != '\0' && i < n - 1; i++)
		out[i] = ascii_shown(name[i]);
	out[i] = '\0';
}

void spool_faults_file(struct spool_faults *f, enum spool_dir dir, const char *name, const char *what)
{
	const char *where = dir == SPOOL_DIR_LARGE ? "large" : "segments";
	char shown[NAME_SHOWN], to[32];
	int error = EEXIST;
	printable(name, shown, sizeof(shown));
	if (!f->set_aside) {
		spool_faults_say(f, "%s/%s: %s", where, shown, what);
		return;
	}
	for (int i = 1; i < TRIES && error == EEXIST; i++) {
		snprintf(to, sizeof(to), "%s-file-%d", where, i);
		error = f->io->set_aside(f->io, dir, name, to) < 0 ? errno : 0;
	}
	if (error == 0)
		spool_faults_say(f, "%s/%s: %s; moved to damaged/%s", where, shown, what, to);
	else
		spool_faults_say(f, "%s/%s: %s; it cannot be moved away (errno %d)", where, shown, what, error);
}
