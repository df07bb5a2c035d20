/* SPDX-License-Identifier: ISC
 *
 * RFC 5322 header fields: a scanner that walks a header without copying, and the
 * one writer of fields, which lets no CR, LF or NUL through.
 */
#ifndef POSTERN_HEADER_H
#define POSTERN_HEADER_H

#include "common/buf.h"

struct header_field {
	struct str name;  /* empty: a line that is no field */
	struct str value; /* after the colon, folding and final CRLF included */
	struct str whole;
};

/* The next field at the start of *rest (lines ending in CRLF or LF); false at the empty line or
 * the end. Folded lines belong to the field. Work is linear. */
bool header_next(struct str *rest, struct header_field *field);
/* Octets of the header with its closing empty line, or n when there is none. */
size_t header_length(struct str message);

/* Appends "Name: value\r\n"; control characters but the tab become "?" in the value. */
bool header_put(struct buf *b, const char *name, struct str value);
/* RFC 5322 §3.3 date-time in the local zone, e.g. "Mon, 23 Nov 2026 22:12:54 +0000"; `out` of 40. */
#define HEADER_DATE_SIZE 40
void header_date(uint64_t ms, char out[HEADER_DATE_SIZE]);

#endif
