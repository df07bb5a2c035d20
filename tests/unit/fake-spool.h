/* SPDX-License-Identifier: ISC
 *
 * A spool in memory, for tests of what stands before queue/spool.h: commits happen
 * when the test says so, faults likewise, and everything that was written can be
 * looked at. spool_open knows one spool at a time.
 */
#ifndef POSTERN_TESTS_FAKE_SPOOL_H
#define POSTERN_TESTS_FAKE_SPOOL_H

#include "queue/spool.h"

struct fake_record {
	uint64_t id;
	bool committed;
	bool finished;
	struct envelope envelope; /* copies */
	struct recipient *recipients;
	size_t count;
	struct str content;
	bool large;
	uint64_t large_size;
	struct spool_place place;
	struct spool_settled settled;
	struct pool *pool;
};

struct fake_result {
	uint64_t id;
	struct spool_result result; /* strings are kept */
};

struct fake_spool_figures {
	size_t submitted, results, finished, abandoned, large_created, reads;
};

struct spool *fake_spool_new(const struct spool_events *events, void *ctx);
void fake_spool_free(struct spool *s);
/* Answers everything submitted so far; `error` as of on_committed. Returns how many. */
size_t fake_spool_commit(struct spool *s, int error);
/* What a process that dies now leaves behind, reported to the events as spool_open does. */
void fake_spool_recover(struct spool *s, const struct spool_events *events, void *ctx);
/* The next calls of these fail with this errno; 0: work again. */
void fake_spool_fail(struct spool *s, int large_create, int read);
/* From now on results and finishes do not reach the disk, as those do not that a crash undoes. */
void fake_spool_lose_results(struct spool *s, bool lose);
const struct fake_record *fake_spool_find(const struct spool *s, uint64_t id);
size_t fake_spool_records(const struct spool *s, const struct fake_record **list);
size_t fake_spool_results(const struct spool *s, const struct fake_result **list);
struct fake_spool_figures fake_spool_count(const struct spool *s);

#endif
