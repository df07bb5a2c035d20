/* SPDX-License-Identifier: ISC
 *
 * Replies of a server (RFC 5321 §4.2), octets in, lines and whole replies out. It
 * is strict about what decides (codes) and keeps of the text only what is
 * printable. Lines may end in a bare LF.
 *
 * Invariant: the code, enhanced code and text are those of one reply; a malformed
 * one leaves nothing of itself or of the one before.
 */
#ifndef POSTERN_DELIVER_REMOTE_REPLY_H
#define POSTERN_DELIVER_REMOTE_REPLY_H

#include "common/limits.h"
#include "common/str.h"

enum {
	REPLY_LINE_KEPT = 512, /* RFC 5321 §4.5.3.1.5; what is longer is cut */
	REPLY_LINE_MAX = 2048, /* what is even longer is malformed */
	REPLY_LINES_MAX = 128,
	REPLY_OCTETS_MAX = 16 * 1024,
};

enum reply_event {
	REPLY_MORE, /* all of the input was consumed */
	REPLY_LINE, /* one line of several, or the last one when it is REPLY_DONE: reply_line */
	REPLY_DONE,
	REPLY_MALFORMED, /* for good */
};

struct reply_parser {
	unsigned code; /* 200 to 599; 0 before the first line is complete */
	unsigned lines;
	size_t octets;
	size_t line_octets;
	size_t line_n;
	size_t text_n;
	bool line_done; /* the next octet begins a new line */
	bool done;	/* the next octet begins a new reply */
	bool malformed;
	char enhanced[ENHANCED_CODE_MAX + 1]; /* "" for none; its class is the code's */
	char line[REPLY_LINE_KEPT];
	char text[REMOTE_TEXT_MAX];
};

void reply_init(struct reply_parser *p);
/* Takes from the front of *in up to the end of a line. */
enum reply_event reply_feed(struct reply_parser *p, struct str *in);
/* At REPLY_LINE and REPLY_DONE: the line behind its code, as it came, without line end; empty when
 * it was cut. */
struct str reply_line(const struct reply_parser *p);
/* At REPLY_DONE: "550 5.1.1 no such user", all lines in one, printable ASCII. */
struct str reply_text(const struct reply_parser *p);
/* Octets of a reply that is not complete have come. */
bool reply_is_partial(const struct reply_parser *p);
/* An enhanced status code (RFC 3463) of that class at the start of s, which a blank or the end
 * follows: its length, or 0. */
size_t reply_enhanced(struct str s, unsigned class);

#endif
