/* SPDX-License-Identifier: ISC
 *
 * How the queue is shown to people (as Postfix's mailq does, so that scripts read
 * it too) and to programs (a JSON array, an entry a line, in the terms of
 * `postqueue -j`). What comes from mail is made harmless to terminals.
 */
#ifndef POSTERN_QUEUE_PRINT_H
#define POSTERN_QUEUE_PRINT_H

#include "common/msg-operator-queue.h"

#include <stdio.h>

struct json_t;

struct queue_print {
	FILE *out;
	bool json;
	uint64_t now; /* milliseconds since the epoch */
	uint64_t messages;
	uint64_t octets;
	bool terminal;		    /* escape what a terminal might obey */
	bool pending_cr;	    /* of a text in pieces */
	unsigned char before;	    /* its last octet */
	struct json_t *stats;	    /* of statistics in JSON: what came so far */
	struct queue_table *tables; /* of statistics in text: the rows that came so far */
};

/* A list is any number of entries and one end. */
void queue_print_entry(struct queue_print *p, const struct msg_queue_entry *entry);
void queue_print_list_end(struct queue_print *p);
/* Statistics are figures, destinations (the first: all together), reasons, and one end. */
void queue_print_figures(struct queue_print *p, const struct msg_queue_figures *f);
void queue_print_destination(struct queue_print *p, const struct msg_queue_destination *d);
void queue_print_reason(struct queue_print *p, const struct msg_queue_reason *r);
void queue_print_stats_end(struct queue_print *p);
/* Text in pieces; CRLF becomes LF. */
void queue_print_text(struct queue_print *p, struct str piece);

#endif
