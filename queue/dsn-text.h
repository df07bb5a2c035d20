/* SPDX-License-Identifier: ISC
 *
 * Lines of a notice: whatever comes in, what goes out are whole lines of printable
 * text, none longer than RFC 5322 §2.1.1 allows. Past the buffer's ceiling each
 * returns false.
 */
#ifndef POSTERN_QUEUE_DSN_TEXT_H
#define POSTERN_QUEUE_DSN_TEXT_H

#include "common/buf.h"

enum { DSN_LINE_MAX = 998 }; /* without its CRLF */

/* "Name: prefix value", folded; what is not printable, or not ASCII unless `utf8`, is "?". An empty
 * value makes no field. */
bool dsn_text_field(
    struct buf *out, const char *name, const char *prefix, struct str value, bool utf8);
/* UTF-8 text of any lines, long ones wrapped. */
bool dsn_text_paragraphs(struct buf *out, struct str text);
/* The lines of a header as they are, but for what may not be in one. */
bool dsn_text_header(struct buf *out, struct str header);
/* The message may go into another one as it is: lines in CRLF, none too long, no NUL. */
bool dsn_text_is_sound(struct str message);

#endif
