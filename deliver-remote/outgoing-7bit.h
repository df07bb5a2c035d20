/* SPDX-License-Identifier: ISC
 *
 * Conversion of a message to 7 bits (RFC 6152 §3, RFC 2045): parts with octets above
 * 127 become quoted-printable (text) or base64 (all else). It takes two passes: the
 * first finds the parts and makes a list of edits, the second carries them out.
 * Neither holds more than a piece of the content, both are linear.
 *
 * What cannot be converted without changing what it is: such octets within message
 * or multipart/signed, in a part that already has an encoding, or in multiparts
 * nested deeper than SEVEN_DEPTH_MAX.
 */
#ifndef POSTERN_DELIVER_REMOTE_OUTGOING_7BIT_H
#define POSTERN_DELIVER_REMOTE_OUTGOING_7BIT_H

#include "deliver-remote/outgoing.h"

enum {
	SEVEN_DEPTH_MAX = 20,
	SEVEN_EDITS_MAX = 4096,
	SEVEN_TEXT_MAX = 1024 * 1024, /* of the fields that are written anew, together */
	SEVEN_FIELD_MAX = 4096,	      /* a longer field is not looked into */
};

struct seven_bit *seven_bit_new(void);
void seven_bit_free(struct seven_bit *s);

/* First pass: the next octets of the content. */
void seven_bit_look(struct seven_bit *s, struct str in);
/* Its end: false when it cannot be converted. */
bool seven_bit_looked(struct seven_bit *s);
/* There is nothing to change. */
bool seven_bit_is_plain(const struct seven_bit *s);

/* Second pass: appends about n octets. */
enum outgoing_state seven_bit_piece(
    struct seven_bit *s, const struct outgoing *o, uint64_t *at, struct buf *out, size_t n);

#endif
