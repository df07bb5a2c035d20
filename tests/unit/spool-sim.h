/* SPDX-License-Identifier: ISC
 *
 * A disk in memory for the spool: it can fail at the n-th operation, write short, run
 * full, and lose its power: then every sector that was written since its last sync is,
 * each by a coin, new or old, and so is every name.
 */
#ifndef POSTERN_TESTS_SPOOL_SIM_H
#define POSTERN_TESTS_SPOOL_SIM_H

#include "queue/spool-io.h"

enum { SIM_SECTOR = 512, SIM_NAME_MAX = 64 };

struct sim_file {
	enum spool_dir dir;
	char name[SIM_NAME_MAX];
	bool named, named_durably;
	uint8_t *now, *durable; /* both of `capacity` */
	bool *dirty;		/* a sector each */
	size_t size, durable_size, capacity;
};

struct sim {
	struct sim_file *files;
	size_t count;
	uint64_t random;
	uint64_t us; /* both clocks */
	uint64_t free_space;
	uint64_t operations; /* that change or sync something */
	uint64_t syncs;
	/* From the n-th operation from now on (0: never), so many fail; UINT64_MAX: until reset. */
	uint64_t fail_in, fail_count;
	int fail_errno;
	bool only_syncs_fail; /* and only syncs count */
	/* At the n-th operation from now on the power goes: it is done in part, and all others fail. */
	uint64_t cut_in;
	bool dead;
	bool short_writes;
	bool read_errors;
};

void sim_init(struct sim *s, uint64_t seed);
void sim_reset(struct sim *s);
uint64_t sim_random(struct sim *s);
uint64_t sim_below(struct sim *s, uint64_t n);
/* The spool's view; it may be made again after it was freed. */
struct spool_io *sim_io(struct sim *s);
/* What is on the platter after the power came back; faults end. `torn` false: only the process
 * died, the kernel wrote all that it was given. */
void sim_restart(struct sim *s, bool torn);
/* A file by name, NULL: none. */
struct sim_file *sim_find(struct sim *s, enum spool_dir dir, const char *name);
/* A file that appears by itself. */
struct sim_file *sim_put(struct sim *s, enum spool_dir dir, const char *name, const void *p, size_t n);
void sim_truncate(struct sim_file *f, size_t size);
struct sim *sim_copy(const struct sim *s);
void sim_free_copy(struct sim *s);

#endif
