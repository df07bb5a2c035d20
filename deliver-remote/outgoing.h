/* SPDX-License-Identifier: ISC
 *
 * The content of a mail on its way out: read in pieces, with dots stuffed (RFC
 * 5321 §4.5.2) for DATA, and converted to 7 bits (RFC 6152 §3) where the server
 * wants it so. It never holds more than a piece.
 */
#ifndef POSTERN_DELIVER_REMOTE_OUTGOING_H
#define POSTERN_DELIVER_REMOTE_OUTGOING_H

#include "common/buf.h"

struct seven_bit;

typedef bool (*outgoing_read)(void *ctx, uint64_t offset, uint8_t *to, size_t n);

enum outgoing_form {
	OUTGOING_DOTS,	/* DATA */
	OUTGOING_PLAIN, /* BDAT */
};

enum outgoing_state {
	OUTGOING_MORE,
	OUTGOING_END,	      /* all is in the buffer, for OUTGOING_DOTS with the final dot */
	OUTGOING_UNREADABLE,  /* ops->read failed */
	OUTGOING_UNCONVERTED, /* cannot be made 7-bit: RFC 6152 §3, 5.6.3 */
};

struct outgoing {
	outgoing_read read;
	void *ctx;
	uint64_t size;
	uint64_t at;
	enum outgoing_form form;
	uint8_t last[2];	 /* the octets before `at`; CR LF at the start */
	struct seven_bit *seven; /* NULL: as it is */
};

void outgoing_init(struct outgoing *o, outgoing_read read, void *ctx, uint64_t size);
void outgoing_release(struct outgoing *o);
/* Appends at most about a piece of `n` octets (three times as much when converted). */
enum outgoing_state outgoing_piece(struct outgoing *o, struct buf *out, size_t n);

/* Looks for octets above 127 in all of it (*eight_bit) or its header only. False: unreadable. */
bool outgoing_scan(const struct outgoing *o, bool header_only, bool *eight_bit);
/* Before outgoing_piece: find out, a piece of n octets a call, how to make it 7-bit. At
 * OUTGOING_END outgoing_piece gives the converted content. */
enum outgoing_state outgoing_plan(struct outgoing *o, size_t n);

#endif
