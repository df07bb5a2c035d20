/* SPDX-License-Identifier: ISC
 *
 * What the sync thread does: takes a batch, puts its records on stable storage, and
 * says for each message where it is now or why it was refused. Runs on any one thread
 * at a time; tests run it without one.
 *
 * When a write or sync fails, the messages it carried are refused, and results and
 * finishes are kept and written before anything else, to a fresh segment. While that
 * fails too, everything is refused, and it is tried again once a second.
 */
#ifndef POSTERN_SPOOL_WRITER_H
#define POSTERN_SPOOL_WRITER_H

#include "queue/spool-append.h"
#include "queue/spool-batch.h"

enum { SPOOL_RETRY_MS = 1000 };

/* What the event loop is to know; collected until it fetches it. */
struct spool_report {
	struct spool_stock_used *opened; /* segments that got their first batch, in order */
	size_t opened_count, opened_capacity;
	uint64_t tail;	/* committed */
	int mail_error; /* 0: new mail can be taken; else an errno */
	bool unsettled; /* what was refused may still be found by the next opening */
	uint32_t in_use, free_segments;
	uint64_t octets;
	struct spool_append_figures figures;
	uint64_t lost_results; /* since opening; kept ones that grew too many */
};

/* What recovery believed of the log's end but could not put on disk: it may be in the kernel's
 * memory only. Nothing is written before it. */
struct spool_owed {
	uint8_t *p; /* on the heap; NULL: nothing */
	size_t n;
	uint32_t slot, offset;
	int error; /* why it could not */
};
/* Writes and syncs it. 0 or an errno. */
int spool_owed_write(struct spool_io *io, const struct spool_owed *owed);

struct spool_writer {
	struct spool_append append;
	struct spool_owed owed;
	struct buf kept; /* results and finishes that are owed to the disk */
	bool settle_owed; /* a failed batch is to be voided */
	int failed;	  /* nothing can be written; an errno */
	int mail_error;	  /* new mail has no room; an errno */
	uint64_t retry_at; /* ms */
	uint64_t chore_at;
	uint64_t reported_sequence;
	struct spool_report report;
};

/* After spool_append_init and the stock is known. Takes over what is owed. */
void spool_writer_init(struct spool_writer *w, const struct spool_owed *owed);
void spool_writer_reset(struct spool_writer *w);

void spool_writer_run(struct spool_writer *w, struct spool_batch *b);
/* Preparing a segment in advance, a step at a time. */
bool spool_writer_wants_chore(const struct spool_writer *w);
/* It should not be put off any longer: the open segment is half full. */
bool spool_writer_is_short(const struct spool_writer *w);
void spool_writer_chore(struct spool_writer *w);
/* Something failed and is to be tried again at retry_at. */
bool spool_writer_wants_retry(const struct spool_writer *w);
void spool_writer_retry(struct spool_writer *w);
/* Says that the spool is closed, and seals it. 0, or an errno: then what was kept is lost. */
int spool_writer_close(struct spool_writer *w);

#endif
