/* SPDX-License-Identifier: ISC
 *
 * The spool as a whole, for the files that make it up. All but `writer` belongs to the
 * event loop.
 */
#ifndef POSTERN_SPOOL_INTERNAL_H
#define POSTERN_SPOOL_INTERNAL_H

#include "queue/spool-clean.h"
#include "queue/spool-files.h"
#include "queue/spool-table.h"
#include "queue/spool-thread.h"
#include "queue/spool.h"

struct spool_loop;

struct spool_refusal {
	void *tag;
	uint64_t id;
	int error;
};

struct spool {
	struct spool_events events;
	void *ctx;
	struct spool_options options;
	struct spool_io *io;
	uint32_t identity;
	uint32_t seed;
	uint64_t last_id;
	struct spool_table table;
	struct spool_writer writer; /* the sync thread's */
	struct spool_thread *thread;
	struct spool_batch *filling; /* NULL: none, or it waits at the thread */
	struct spool_batch *spare;
	struct spool_refusal *refusals; /* to be told at the end of the round */
	size_t refusal_count, refusal_capacity;
	uint64_t tail;		 /* as it shall be */
	uint64_t committed_tail; /* as it is on disk */
	uint64_t large_octets;
	int space_error; /* 0: new messages can be taken */
	struct spool_clean clean;
	struct spool_files files;
	struct spool_report report; /* the last one; its list is empty */
	uint64_t commits, moved;
	uint64_t lost_results;
	uint64_t taken; /* octets of all that was handed in */
	bool closing;
	struct spool_loop *loop; /* NULL: turned by hand */
	bool soon, second;	 /* what is asked of the loop */
};

/* On this disk, which becomes the spool's. `threaded` false: spool_turn does all the work. */
struct spool *spool_open_on(struct spool_io *io, const struct spool_options *options,
    const struct spool_events *events, void *ctx, bool threaded);
/* Frees the memory and writes nothing: what a crash leaves. */
void spool_discard(struct spool *spool);

/* The batch that is being filled. */
struct spool_batch *spool_filling(struct spool *spool);
/* After something was added to it. */
void spool_filled(struct spool *spool);
/* The end of the loop's round. */
void spool_on_soon(struct spool *spool);
/* A second after something was added that nobody waits for. */
void spool_on_second(struct spool *spool);
/* Cleaning has looked at many records and goes on. */
void spool_on_again(struct spool *spool);
/* The thread has something to say. */
void spool_on_report(struct spool *spool);
/* Without a loop: the end of a round, the thread's work, and its report; `second`: a second
 * has passed. */
void spool_turn(struct spool *spool, bool second);

/* Octets of large files that are no more. */
void spool_large_less(struct spool *spool, uint64_t octets);

/* Reads a record whole; NULL with errno. EBADMSG: it does not check. */
const uint8_t *spool_read_record(struct spool *spool, uint64_t id, const struct spool_place *place,
    struct buf *buf, struct spool_record *record);

/* Sets the octets of a record that does not check aside, and tells. */
void spool_report_damage(
    struct spool *spool, const struct spool_place *place, const struct buf *record);

int spool_verify_on(struct spool_io *io, FILE *out);

/* spool-loop.c */
struct spool_loop *spool_loop_new(struct spool *spool, int fd);
void spool_loop_free(struct spool_loop *loop);
void spool_loop_soon(struct spool_loop *loop);
void spool_loop_second(struct spool_loop *loop);
/* Calls spool_on_again once other events had their turn. */
void spool_loop_again(struct spool_loop *loop);

/* spool-recover.c: reads everything, tells it, and sets up table and writer. 0 or an errno. */
int spool_recover(struct spool *spool);

#endif
