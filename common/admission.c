/* SPDX-License-Identifier: ISC
 *
 * A worker counts itself in before it looks at the sum, so that two workers cannot both miss
 * each other; at worst both refuse the last place.
 *
 * Invariant: what another worker wrote is only ever added up, and only what is sane decides.
 */
#include "common/admission-internal.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FUNCTIONS = ADMISSION_FUNCTIONS,
	BUCKETS = ADMISSION_BUCKETS,
	REFUSALS_PER_LOOK = 16, /* summing a page up takes as long as refusing a client */
	/* A connection that moves while a page is summed up may be counted twice. */
	SLACK = 64,
};

/* Another worker's page, and what we think of it. */
struct view {
	struct admission_page *page; /* NULL: not there yet */
	uint64_t life;		     /* that `nonsense` was found in */
	bool nonsense;
	unsigned refusals; /* that it had a part in */
};

struct admission {
	struct admission_rules *rules;
	unsigned worker;
	unsigned workers;
	unsigned count;
	struct view views[]; /* our own page among them */
};

struct place {
	bool known; /* false for clients without an address, which have no limit */
	uint32_t bucket[FUNCTIONS];
};

struct admission *admission_new(unsigned worker, unsigned workers)
{
	if (worker >= workers || workers > ADMISSION_WORKERS_MAX)
		return NULL;
	struct admission *a = xcalloc(1, sizeof(*a) + workers * sizeof(a->views[0]));
	a->worker = worker;
	a->workers = workers;
	return a;
}

static void *map(int fd, size_t size, int protection)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size != (off_t)size ||
	    (fcntl(fd, F_GET_SEALS) & F_SEAL_SHRINK) == 0)
		return NULL;
	void *p = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

static bool map_rules(struct admission *a, int fd)
{
	struct admission_rules *rules =
	    a->rules == NULL ? map(fd, sizeof(*rules), PROT_READ) : NULL;
	if (rules == NULL)
		return false;
	if (rules->magic != ADMISSION_MAGIC || rules->workers != a->workers) {
		munmap(rules, sizeof(*rules));
		return false;
	}
	a->rules = rules;
	return true;
}

static bool map_page(struct admission *a, unsigned number, int fd)
{
	struct view *view = &a->views[number];
	int protection = number == a->worker ? PROT_READ | PROT_WRITE : PROT_READ;
	if (view->page != NULL)
		return false;
	view->page = map(fd, sizeof(*view->page), protection);
	return view->page != NULL;
}

bool admission_map(struct admission *a, unsigned page, int fd)
{
	bool ok = false;
	if (page == a->workers)
		ok = map_rules(a, fd);
	else if (page < a->workers)
		ok = map_page(a, page, fd);
	close(fd);
	return ok;
}

bool admission_is_whole(const struct admission *a)
{
	unsigned there = 0;
	for (unsigned w = 0; w < a->workers; w++)
		there += a->views[w].page != NULL;
	return there == a->workers && a->rules != NULL;
}

void admission_free(struct admission *a)
{
	if (a == NULL)
		return;
	for (unsigned w = 0; w < a->workers; w++)
		if (a->views[w].page != NULL)
			munmap(a->views[w].page, sizeof(*a->views[w].page));
	if (a->rules != NULL)
		munmap(a->rules, sizeof(*a->rules));
	free(a);
}

/* --- Whom it is about --- */

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
		place.bucket[f] = (uint32_t)(siphash24(a->rules->keys[f], key, n) % BUCKETS);
	return place;
}

/* --- What the others claim --- */

static bool counts(const struct admission *a, unsigned worker)
{
	const struct view *view = &a->views[worker];
	return !view->nonsense || view->life != atomic_load(&a->rules->lives[worker]);
}

static uint32_t claim(const struct view *view, const struct place *place, unsigned f)
{
	return atomic_load_explicit(&view->page->counts[f][place->bucket[f]], memory_order_seq_cst);
}

static uint64_t connections_at(const struct admission *a, const struct place *place)
{
	uint64_t least = UINT64_MAX;
	for (unsigned f = 0; f < FUNCTIONS; f++) {
		uint64_t sum = 0;
		for (unsigned w = 0; w < a->workers; w++)
			sum += counts(a, w) ? claim(&a->views[w], place, f) : 0;
		least = sum < least ? sum : least;
	}
	return least;
}

static bool is_sane(const struct admission *a, const struct admission_page *page)
{
	uint64_t most = 2 * atomic_load(&a->rules->places) + SLACK;
	for (unsigned f = 0; f < FUNCTIONS; f++) {
		uint64_t sum = 0;
		for (unsigned b = 0; b < BUCKETS; b++)
			sum += atomic_load_explicit(&page->counts[f][b], memory_order_relaxed);
		if (sum > most)
			return false;
	}
	return true;
}

/* Looks at the page of whoever has a part in a refusal. */
static void doubt(struct admission *a, unsigned worker)
{
	struct view *view = &a->views[worker];
	uint64_t life = atomic_load(&a->rules->lives[worker]);
	if (view->refusals++ % REFUSALS_PER_LOOK != 0 && view->life == life)
		return;
	view->life = life;
	view->nonsense = !is_sane(a, view->page);
	if (view->nonsense)
		log_message(LOG_ERR,
		    "worker %u claims more connections than it can have: it counts for nothing "
		    "until it is started anew",
		    worker);
}

static bool is_full(struct admission *a, const struct place *place, unsigned limit)
{
	if (connections_at(a, place) <= limit)
		return false;
	for (unsigned w = 0; w < a->workers; w++)
		if (w != a->worker && counts(a, w) &&
		    (claim(&a->views[w], place, 0) > 0 || claim(&a->views[w], place, 1) > 0))
			doubt(a, w);
	return connections_at(a, place) > limit;
}

/* --- What we claim ourselves --- */

static void add(_Atomic uint32_t *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_seq_cst);
}

static void take(_Atomic uint32_t *count)
{
	/* Only this worker writes here, so nothing comes between. */
	if (atomic_load_explicit(count, memory_order_relaxed) > 0)
		atomic_fetch_sub_explicit(count, 1, memory_order_seq_cst);
}

static void leave(struct admission *a, const struct place *place)
{
	struct admission_page *own = a->views[a->worker].page;
	a->count -= a->count > 0;
	for (unsigned f = 0; place->known && f < FUNCTIONS; f++)
		take(&own->counts[f][place->bucket[f]]);
}

bool admission_enter(struct admission *a, const struct sockaddr *client, unsigned limit)
{
	struct admission_page *own = a->views[a->worker].page;
	struct place place = place_of(a, client);
	a->count++;
	for (unsigned f = 0; place.known && f < FUNCTIONS; f++)
		add(&own->counts[f][place.bucket[f]]);
	if (limit == 0 || !place.known || !is_full(a, &place, limit))
		return true;
	leave(a, &place);
	return false;
}

void admission_leave(struct admission *a, const struct sockaddr *client)
{
	struct place place = place_of(a, client);
	leave(a, &place);
}

unsigned admission_count(const struct admission *a)
{
	return a->count;
}
