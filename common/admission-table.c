/* SPDX-License-Identifier: ISC
 *
 * Invariant: `pages[i][WRITING]` never leaves control but for worker i. Whoever has the other
 * descriptor cannot make it one for writing: it is another open file, and the file's mode lets
 * nobody but root open it once more.
 */
#include "common/admission-internal.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum way { READING, WRITING };

struct admission_table {
	struct admission_rules *rules;
	unsigned workers;
	int pages[ADMISSION_WORKERS_MAX + 1][2]; /* by enum way; -1: none */
};

/* Both descriptors of a new file of zeros that never changes its size. */
static bool make_page(int fds[2], size_t size)
{
	char path[32];
	fds[WRITING] = memfd_create("postern-admission", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fds[WRITING] < 0 || ftruncate(fds[WRITING], (off_t)size) < 0 ||
	    fcntl(fds[WRITING], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
	    fchmod(fds[WRITING], S_IRUSR) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[WRITING]);
	fds[READING] = open(path, O_RDONLY | O_CLOEXEC);
	return fds[READING] >= 0;
}

static bool make_rules(struct admission_table *t, unsigned places)
{
	int *fds = t->pages[t->workers];
	if (!make_page(fds, sizeof(*t->rules)))
		return false;
	void *p =
	    mmap(NULL, sizeof(*t->rules), PROT_READ | PROT_WRITE, MAP_SHARED, fds[WRITING], 0);
	if (p == MAP_FAILED)
		return false;
	t->rules = p;
	t->rules->magic = ADMISSION_MAGIC;
	t->rules->workers = t->workers;
	atomic_store(&t->rules->places, places);
	return getrandom(t->rules->keys, sizeof(t->rules->keys), 0) ==
	       (ssize_t)sizeof(t->rules->keys);
}

struct admission_table *admission_table_new(unsigned workers, unsigned places)
{
	if (workers == 0 || workers > ADMISSION_WORKERS_MAX) {
		errno = EINVAL;
		return NULL;
	}
	struct admission_table *t = xcalloc(1, sizeof(*t));
	t->workers = workers;
	memset(t->pages, -1, sizeof(t->pages));
	bool ok = make_rules(t, places);
	for (unsigned i = 0; ok && i < workers; i++)
		ok = make_page(t->pages[i], sizeof(struct admission_page));
	if (ok)
		return t;
	int saved = errno;
	admission_table_free(t);
	errno = saved;
	return NULL;
}

void admission_table_free(struct admission_table *t)
{
	if (t == NULL)
		return;
	if (t->rules != NULL)
		munmap(t->rules, sizeof(*t->rules));
	for (unsigned i = 0; i <= t->workers; i++)
		for (int way = READING; way <= WRITING; way++)
			if (t->pages[i][way] >= 0)
				close(t->pages[i][way]);
	free(t);
}

void admission_table_allow(struct admission_table *t, unsigned places)
{
	if (places > atomic_load(&t->rules->places))
		atomic_store(&t->rules->places, places);
}

void admission_table_clear(struct admission_table *t, unsigned worker)
{
	static const uint8_t zeros[sizeof(struct admission_page)];
	if (worker >= t->workers)
		return;
	/* The file has this size and is all memory: it cannot fail. */
	if (pwrite(t->pages[worker][WRITING], zeros, sizeof(zeros), 0) == (ssize_t)sizeof(zeros))
		atomic_fetch_add(&t->rules->lives[worker], 1);
}

int admission_table_page(const struct admission_table *t, unsigned page, unsigned worker)
{
	return t->pages[page][page == worker ? WRITING : READING];
}
