/* SPDX-License-Identifier: ISC
 *
 * What a program that was taken over says on an edge of its own.
 *
 * Two variables of the environment repeat a run, and make one longer:
 *   POSTERN_SIBLING_ROUNDS=N          how often each way is tried; without it a few times
 *   POSTERN_SIBLING_SEED=N | random   what is said; without it always the same
 * A test that fails prints both.
 */
#ifndef POSTERN_TESTS_ESCAPE_ENEMY_H
#define POSTERN_TESTS_ESCAPE_ENEMY_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* At which end of which edge it is. */
struct enemy_place {
	unsigned edge; /* of speak.h */
	bool asks;     /* it is the client */
	bool greeted;  /* it has greeted already, so that this is not done again */
};

struct enemy_way {
	const char *name;
	/* True when nothing of what was said may be taken, so that it must be dropped. */
	bool (*say)(const struct enemy_place *at, int fd);
	bool deaf; /* answers are not to be read */
};
extern const struct enemy_way enemy_ways[];
extern const unsigned enemy_way_count;

/* Unless that is done. */
void enemy_greet(const struct enemy_place *at, int fd);
/* With so many descriptors of no use, at most 8; false: not sent. */
bool enemy_send(int fd, const void *p, size_t n, unsigned descriptors);
bool enemy_is_dropped(int fd);
/* The packet that was made last: whoever likes may make it, and say it with `descriptors`. */
extern struct buf enemy_packet;
void enemy_say(int fd, unsigned descriptors);

/* What a process has in memory, which no enemy may make grow. */
long enemy_memory_kb(pid_t pid);

/* In main, before the tests run; and what main returns, given what they returned. */
void enemy_setup(void);
int enemy_report(int status);
/* For a test of that number: its own words. */
void enemy_begin(unsigned test);
unsigned enemy_rounds(void);

#endif
