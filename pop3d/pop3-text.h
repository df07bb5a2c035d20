/* SPDX-License-Identifier: ISC
 *
 * A stored message on its way to the client: LF becomes CRLF (unless a CR stands
 * before it already), a "." at the start of a line is doubled (RFC 1939 §3), the
 * end gets the line ending it may lack and the final ".". TOP ends after so many
 * lines of the body.
 */
#ifndef POSTERN_POP3_TEXT_H
#define POSTERN_POP3_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POP3_TEXT_ALL UINT64_MAX

enum { POP3_TEXT_END_SLACK = 5 };

struct pop3_text {
	bool in_body;
	bool line_empty;     /* nothing of this line but, perhaps, a CR was seen */
	bool line_start;     /* nothing of this line was seen */
	bool after_cr;	     /* the last octet was a CR */
	bool done;	     /* TOP: enough was sent */
	uint64_t lines_left; /* of the body */
};

/* `lines` of the body, or POP3_TEXT_ALL. */
void pop3_text_init(struct pop3_text *t, uint64_t lines);
/* Octets written to `to`, which has room for 2 * n. */
size_t pop3_text_put(struct pop3_text *t, const char *from, size_t n, char *to);
/* The end; at most POP3_TEXT_END_SLACK octets. */
size_t pop3_text_end(struct pop3_text *t, char *to);

/* The size of the same without dots: for files whose names do not tell it. */
struct pop3_measure {
	uint64_t octets;
	char last;
};
void pop3_measure_put(struct pop3_measure *m, const char *from, size_t n);
uint64_t pop3_measure_end(const struct pop3_measure *m);

#endif
