/* SPDX-License-Identifier: ISC
 *
 * The world outside for tests/unit/test_simulation.c: hosts that are up, slow,
 * dead, out for a night or flapping, each by its own random script, all from one
 * seed. Time is milliseconds since the simulation began.
 */
#ifndef POSTERN_TESTS_SIM_WORLD_H
#define POSTERN_TESTS_SIM_WORLD_H

#include "queue/destination.h"

#include "tests/unit/unit.h"

/* As ck_assert_msg, which writes to a file each time: too much here. */
#define sim_require(condition, ...)                                                                \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg(__VA_ARGS__);                                                 \
	} while (0)

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

enum host_kind {
	HOST_LIVE,  /* always there, 0.1 to 2 s */
	HOST_SLOW,  /* always there, 1 to 3 min */
	HOST_HANG,  /* takes connections, then nothing, for 5 min */
	HOST_DEAD,  /* nobody there, 30 s */
	HOST_NIGHT, /* there but for outages of 2 to 60 hours */
	HOST_FLAP,  /* up and down, 1 to 60 min each */
	HOST_DNS,   /* as HOST_NIGHT, but our own side cannot tell */
	HOST_GREY,  /* refuses each recipient for its first 10 min */
	HOST_PACED, /* live; a rate is configured */
	HOST_SMALL, /* live; a concurrency is configured */
	HOST_BRIEF, /* as HOST_NIGHT; retry times and lifetime are configured */
	HOST_KINDS
};

enum { HOSTS_MAX = 200, HOST_NAME_MAX_OCTETS = 48, SWITCHES_MAX = 4000 };

struct host {
	enum host_kind kind;
	char name[HOST_NAME_MAX_OCTETS];
	uint32_t switches[SWITCHES_MAX]; /* seconds at which it goes down, up, down, ... */
	unsigned switch_count;
};

struct world {
	uint64_t chance;
	struct host hosts[HOSTS_MAX];
	unsigned host_count;
};

uint64_t world_roll(struct world *w, uint64_t below);
void world_init(struct world *w, uint64_t seed, uint64_t until);
/* The host of that kind; there is one for each number below world_count. */
struct host *world_host(struct world *w, enum host_kind kind, unsigned number);
unsigned world_count(enum host_kind kind);
struct host *world_find(struct world *w, struct str name);
bool host_is_up(const struct host *h, uint64_t now);
/* How long a delivery that begins now takes. */
uint64_t world_takes(struct world *w, const struct host *h, uint64_t now);
enum destination_verdict host_verdict(const struct host *h, uint64_t now);

#endif
