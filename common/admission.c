/* SPDX-License-Identifier: ISC
 *
 * The table: a page of head (key, number of workers) and one row of 16-bit
 * counters for each worker. A worker writes its own row only, and reads all.
 * What a hostile worker can do with it is lie about its counts.
 */
#include "common/admission.h"
#include "common/hash.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 8192, MAGIC = 0x50414431, HASHES = 2, KEY_SIZE = 16, IPV6_NETWORK_SIZE = 8 };

struct row {
	_Atomic uint32_t total;
	_Atomic uint16_t slots[SLOTS];
};

struct table {
	uint32_t magic;
	uint32_t workers;
	uint8_t key[KEY_SIZE];
	struct row rows[];
};

struct admission {
	struct table *table;
	size_t size;
	unsigned worker;
};

static size_t table_size(unsigned workers)
{
	return sizeof(struct table) + workers * sizeof(struct row);
}

int admission_create(unsigned workers)
{
	struct table head = {.magic = MAGIC, .workers = workers};
	if (workers == 0 || workers > ADMISSION_WORKERS_MAX) {
		errno = EINVAL;
		return -1;
	}
	int fd = memfd_create("postern-admission", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (getrandom(head.key, sizeof(head.key), 0) != (ssize_t)sizeof(head.key) ||
	    ftruncate(fd, (off_t)table_size(workers)) < 0 ||
	    pwrite(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

void admission_clear_worker(int fd, unsigned worker)
{
	static const uint8_t zeros[4096];
	size_t from = table_size(worker), to = table_size(worker + 1);
	while (from < to) {
		size_t n = to - from < sizeof(zeros) ? to - from : sizeof(zeros);
		ssize_t done = pwrite(fd, zeros, n, (off_t)from);
		if (done <= 0)
			return; /* a memory file of fixed size: it cannot happen */
		from += (size_t)done;
	}
}

static bool is_table(const struct table *t, unsigned worker, unsigned workers)
{
	return t->magic == MAGIC && t->workers == workers && worker < workers;
}

struct admission *admission_open(int fd, unsigned worker, unsigned workers)
{
	struct stat st;
	struct table *t = MAP_FAILED;
	size_t size = workers <= ADMISSION_WORKERS_MAX ? table_size(workers) : 0;
	if (size > 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)size)
		t = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (t == MAP_FAILED)
		return NULL;
	if (!is_table(t, worker, workers)) {
		munmap(t, size);
		return NULL;
	}
	struct admission *a = xmalloc(sizeof(*a));
	*a = (struct admission){.table = t, .size = size, .worker = worker};
	return a;
}

void admission_close(struct admission *a)
{
	if (a == NULL)
		return;
	munmap(a->table, a->size);
	free(a);
}

/* The octets that stand for a client: an IPv4 address, or the /64 of an IPv6 one. */
static size_t client_octets(const struct sockaddr *client, uint8_t out[IPV6_NETWORK_SIZE])
{
	if (client->sa_family == AF_INET) {
		memcpy(out, &((const struct sockaddr_in *)(const void *)client)->sin_addr, 4);
		return 4;
	}
	if (client->sa_family != AF_INET6)
		return 0;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)client)->sin6_addr;
	bool mapped = IN6_IS_ADDR_V4MAPPED(v6);
	memcpy(out, v6->s6_addr + (mapped ? 12 : 0), mapped ? 4 : IPV6_NETWORK_SIZE);
	return mapped ? 4 : IPV6_NETWORK_SIZE;
}

/* The two slots of a client. */
static void find_slots(const struct admission *a, const struct sockaddr *client, unsigned at[HASHES])
{
	uint8_t octets[IPV6_NETWORK_SIZE] = {0};
	uint64_t h = siphash24(a->table->key, octets, client_octets(client, octets));
	at[0] = (unsigned)(h % SLOTS);
	at[1] = (unsigned)(h >> 32) % SLOTS;
}

static unsigned count(const struct admission *a, const unsigned at[HASHES])
{
	unsigned sums[HASHES] = {0};
	for (unsigned w = 0; w < a->table->workers; w++)
		for (unsigned i = 0; i < HASHES; i++)
			sums[i] += atomic_load_explicit(
			    &a->table->rows[w].slots[at[i]], memory_order_relaxed);
	return sums[0] < sums[1] ? sums[0] : sums[1];
}

/* Adds to this worker's slots; a slot that is full or empty stays so. */
static void adjust(struct admission *a, const unsigned at[HASHES], bool up)
{
	struct row *row = &a->table->rows[a->worker];
	for (unsigned i = 0; i < HASHES; i++) {
		if (i > 0 && at[i] == at[0])
			continue;
		uint16_t now = atomic_load_explicit(&row->slots[at[i]], memory_order_relaxed);
		if (up ? now < UINT16_MAX : now > 0)
			atomic_store_explicit(&row->slots[at[i]],
			    (uint16_t)(up ? now + 1 : now - 1), memory_order_relaxed);
	}
	if (up)
		atomic_fetch_add_explicit(&row->total, 1, memory_order_relaxed);
	else if (atomic_load_explicit(&row->total, memory_order_relaxed) > 0)
		atomic_fetch_sub_explicit(&row->total, 1, memory_order_relaxed);
}

bool admission_enter(struct admission *a, const struct sockaddr *client, unsigned limit)
{
	unsigned at[HASHES];
	find_slots(a, client, at);
	if (limit > 0 && count(a, at) >= limit)
		return false;
	adjust(a, at, true);
	return true;
}

void admission_leave(struct admission *a, const struct sockaddr *client)
{
	unsigned at[HASHES];
	find_slots(a, client, at);
	adjust(a, at, false);
}

unsigned admission_total(const struct admission *a)
{
	unsigned sum = 0;
	for (unsigned w = 0; w < a->table->workers; w++)
		sum += atomic_load_explicit(&a->table->rows[w].total, memory_order_relaxed);
	return sum;
}
