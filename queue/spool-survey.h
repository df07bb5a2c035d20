/* SPDX-License-Identifier: ISC
 *
 * What lies in a spool's directory, before anything is believed: its identity, and its
 * segments in the order of the log.
 */
#ifndef POSTERN_SPOOL_SURVEY_H
#define POSTERN_SPOOL_SURVEY_H

#include "queue/spool-faults.h"
#include "queue/spool-scan.h"
#include "queue/spool-segment.h"

struct spool_found {
	uint32_t slot;
	uint32_t size;	      /* what its header says, or the file's when that is shorter */
	uint32_t file_size;
	uint64_t sequence;    /* 0: never used */
	uint64_t first_batch;
	uint64_t limit;	  /* greater or equal batch numbers are void */
	bool truncated;	  /* the file is shorter than its header says */
	bool header_lost; /* sequence and first_batch come from its records */
	bool sealed;	  /* the footer checks; else the summary holds */
	bool free;	  /* nothing in it is in use */
	struct spool_footer footer;
	struct spool_scan_summary summary;
};

struct spool_survey {
	uint32_t identity;
	uint64_t key;
	uint32_t seed;
	bool identity_lost; /* its file must be written anew */
	bool is_new;	    /* there was no spool; identity and key are fresh */
	uint64_t tail;
	struct spool_found *list; /* by sequence */
	size_t count;
};

/* 0 or an errno; what is wrong with single files is a fault. */
int spool_survey_make(struct spool_survey *s, struct spool_faults *faults);
void spool_survey_reset(struct spool_survey *s);
/* Writes the identity file; 0 or an errno. */
int spool_survey_write_identity(const struct spool_survey *s, struct spool_io *io);

/* A segment's octets on the heap, `size` of them; NULL with errno. What cannot be read
 * is a fault and zeros. */
uint8_t *spool_survey_read(const struct spool_found *f, struct spool_faults *faults);

#endif
