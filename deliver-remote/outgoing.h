/* SPDX-License-Identifier: ISC
 *
 * The content of a mail on its way out: read in pieces, as canonical lines with dots
 * stuffed (RFC 5321 §4.5.2) for DATA, and converted to 7 bits (RFC 6152 §3) where
 * the server wants it so. It never holds more than a piece.
 *
 * A bare CR or LF never leaves by DATA: each becomes CRLF, so that no server can
 * see a line, least of all the one that ends the content, where another sees none.
 * Lines longer than 998 octets are sent as they are: every server in use takes
 * them, and breaking them would change what DKIM has signed.
 */
#ifndef POSTERN_DELIVER_REMOTE_OUTGOING_H
#define POSTERN_DELIVER_REMOTE_OUTGOING_H

#include "common/buf.h"

struct seven_bit;

/* n octets (not 0) from `offset` on; false: they cannot be read. */
typedef bool (*outgoing_read)(void *ctx, uint64_t offset, uint8_t *to, size_t n);

enum outgoing_state {
	OUTGOING_MORE,
	OUTGOING_END,
	OUTGOING_UNREADABLE,
	OUTGOING_UNCONVERTED, /* cannot be made 7-bit: RFC 6152 §3, 5.6.3 */
};

struct outgoing {
	outgoing_read read;
	void *ctx;
	uint64_t size;
	uint64_t at;
	uint8_t last;		 /* the octet given out last; LF at the start */
	struct seven_bit *seven; /* NULL: as it is */
};

struct outgoing_facts {
	bool eight_bit; /* an octet above 127 */
	bool bare;	/* a CR or LF that is no CRLF, or no CRLF at the end */
};

void outgoing_init(struct outgoing *o, outgoing_read read, void *ctx, uint64_t size);
void outgoing_release(struct outgoing *o);

/* For DATA: appends a piece of about n octets of the content (up to three times as much where it is
 * encoded anew); at OUTGOING_END all is in `out`, with the dot at its end. */
enum outgoing_state outgoing_piece(struct outgoing *o, struct buf *out, size_t n);
/* For BDAT: appends all of it, as it is. */
bool outgoing_whole(const struct outgoing *o, struct buf *out);
/* Looks through all of it, which should not be much. False: unreadable. */
bool outgoing_scan(const struct outgoing *o, struct outgoing_facts *facts);
/* Looks for octets above 127 in the header, at most `max` octets. False: unreadable. */
bool outgoing_scan_header(const struct outgoing *o, size_t max, bool *eight_bit);
/* Before outgoing_piece: finds out, n octets a call, what must be done to make it 7-bit. After
 * OUTGOING_END, outgoing_piece does that. */
enum outgoing_state outgoing_plan(struct outgoing *o, size_t n);

#endif
