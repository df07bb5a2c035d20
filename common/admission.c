/* SPDX-License-Identifier: ISC
 *
 * The table is a header and one row per worker; a row is written by its worker
 * only (and cleared by control between two lives of it), and read by all. A worker
 * counts itself in before it looks at the sum, so that two workers cannot both miss
 * each other; at worst both refuse the last place.
 */
#include "common/admission.h"
#include "common/hash.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FUNCTIONS = 2, BUCKETS = 8192 };

#define MAGIC UINT64_C(0x706f73746164310a)

struct header {
	uint64_t magic;
	uint64_t workers;
	uint8_t keys[FUNCTIONS][16];
	uint8_t unused[16];
};

struct row {
	_Atomic uint32_t total;
	uint32_t unused[15];
	_Atomic uint32_t counts[FUNCTIONS][BUCKETS];
};

struct table {
	struct header header;
	struct row rows[];
};

struct admission {
	struct table *table;
	size_t size;
	unsigned worker;
	unsigned workers;
};

struct place {
	bool known; /* false for clients without an address, which have no limit */
	uint32_t bucket[FUNCTIONS];
};

static size_t table_size(unsigned workers)
{
	return sizeof(struct table) + workers * sizeof(struct row);
}

int admission_create(unsigned workers)
{
	if (workers == 0 || workers > ADMISSION_WORKERS_MAX) {
		errno = EINVAL;
		return -1;
	}
	struct header h = {.magic = MAGIC, .workers = workers};
	int fd = memfd_create("admission", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (getrandom(h.keys, sizeof(h.keys), 0) == (ssize_t)sizeof(h.keys) &&
	    ftruncate(fd, (off_t)table_size(workers)) == 0 &&
	    pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

void admission_clear_worker(int fd, unsigned worker)
{
	static const uint8_t zeros[4096];
	size_t at = table_size(worker);
	size_t end = table_size(worker + 1);
	while (worker < ADMISSION_WORKERS_MAX && at < end) {
		size_t n = end - at < sizeof(zeros) ? end - at : sizeof(zeros);
		ssize_t written = pwrite(fd, zeros, n, (off_t)at);
		if (written <= 0)
			return; /* the file has this size and is all memory: it cannot happen */
		at += (size_t)written;
	}
}

static bool is_table(int fd, unsigned workers)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_size == (off_t)table_size(workers) &&
	       (fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) != 0;
}

struct admission *admission_open(int fd, unsigned worker, unsigned workers)
{
	void *p = MAP_FAILED;
	size_t size = table_size(workers);
	if (worker < workers && workers <= ADMISSION_WORKERS_MAX && is_table(fd, workers))
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return NULL;
	struct table *table = p;
	if (table->header.magic != MAGIC || table->header.workers != workers) {
		munmap(p, size);
		return NULL;
	}
	struct admission *a = xcalloc(1, sizeof(*a));
	*a = (struct admission){.table = table, .size = size, .worker = worker, .workers = workers};
	return a;
}

void admission_close(struct admission *a)
{
	if (a == NULL)
		return;
	munmap(a->table, a->size);
	free(a);
}

/* What of an address counts as one client. */
static size_t client_key(const struct sockaddr *client, uint8_t key[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (client->sa_family == AF_INET) {
		memcpy(key, &((const struct sockaddr_in *)client)->sin_addr, 4);
		return 4;
	}
	if (client->sa_family != AF_INET6)
		return 0;
	memcpy(key, &((const struct sockaddr_in6 *)client)->sin6_addr, 16);
	if (memcmp(key, mapped, sizeof(mapped)) != 0)
		return 8;
	memmove(key, key + 12, 4);
	return 4;
}

static struct place place_of(const struct admission *a, const struct sockaddr *client)
{
	struct place place = {0};
	uint8_t key[16];
	size_t n = client_key(client, key);
	place.known = n > 0;
	for (unsigned f = 0; n > 0 && f < FUNCTIONS; f++)
		place.bucket[f] = (uint32_t)(siphash24(a->table->header.keys[f], key, n) % BUCKETS);
	return place;
}

static void add(_Atomic uint32_t *count, uint32_t v)
{
	atomic_fetch_add_explicit(count, v, memory_order_seq_cst);
}

static void take(_Atomic uint32_t *count)
{
	/* Only this worker writes here, so nothing comes between. */
	if (atomic_load_explicit(count, memory_order_relaxed) > 0)
		atomic_fetch_sub_explicit(count, 1, memory_order_seq_cst);
}

static unsigned connections_at(const struct admission *a, const struct place *place)
{
	uint64_t least = UINT32_MAX;
	for (unsigned f = 0; f < FUNCTIONS; f++) {
		uint64_t sum = 0;
		for (unsigned w = 0; w < a->workers; w++)
			sum += atomic_load_explicit(
			    &a->table->rows[w].counts[f][place->bucket[f]], memory_order_seq_cst);
		least = sum < least ? sum : least;
	}
	return (unsigned)least;
}

static void leave(struct admission *a, const struct place *place)
{
	struct row *row = &a->table->rows[a->worker];
	take(&row->total);
	for (unsigned f = 0; place->known && f < FUNCTIONS; f++)
		take(&row->counts[f][place->bucket[f]]);
}

bool admission_enter(struct admission *a, const struct sockaddr *client, unsigned limit)
{
	struct place place = place_of(a, client);
	struct row *row = &a->table->rows[a->worker];
	add(&row->total, 1);
	for (unsigned f = 0; place.known && f < FUNCTIONS; f++)
		add(&row->counts[f][place.bucket[f]], 1);
	if (limit == 0 || !place.known || connections_at(a, &place) <= limit)
		return true;
	leave(a, &place);
	return false;
}

void admission_leave(struct admission *a, const struct sockaddr *client)
{
	struct place place = place_of(a, client);
	leave(a, &place);
}

unsigned admission_total(const struct admission *a)
{
	uint64_t sum = 0;
	for (unsigned w = 0; w < a->workers; w++)
		sum += atomic_load_explicit(&a->table->rows[w].total, memory_order_relaxed);
	return sum > UINT32_MAX ? UINT32_MAX : (unsigned)sum;
}
