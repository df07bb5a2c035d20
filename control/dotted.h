/* SPDX-License-Identifier: ISC
 *
 * A message as a local program writes it, as the octets that follow DATA
 * (RFC 5321 §2.3.8, §4.5.2): every line ends in CRLF, whether it ended in LF, CRLF or a
 * bare CR; a dot at the start of a line is doubled.
 */
#ifndef POSTERN_CONTROL_DOTTED_H
#define POSTERN_CONTROL_DOTTED_H

#include "common/buf.h"

/* All zero at the start of a message. */
struct dotted {
	bool in_line;
	bool after_cr;
};

/* How many octets n octets of input may become, at most, dotted_end included. */
#define DOTTED_MAX(n) (2 * (n) + 8)

/* Appends; false past the buffer's ceiling, and then nothing was appended. The input may be cut
 * anywhere. */
bool dotted_put(struct dotted *d, struct buf *out, struct str in);
/* Ends the last line if need be, and the message. */
bool dotted_end(struct dotted *d, struct buf *out);

#endif
