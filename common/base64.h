/* SPDX-License-Identifier: ISC
 *
 * Base64 (RFC 4648 §4) by OpenSSL, strictly: no blanks, no line ends, the padding that belongs
 * there, and no bits that mean nothing, so that one text stands for one sequence of octets.
 */
#ifndef POSTERN_BASE64_H
#define POSTERN_BASE64_H

#include "common/buf.h"

/* Octets of text for n octets. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

/* Writes at most `room` octets and how many they are; false for anything else than base64. */
bool base64_decode(struct str in, void *out, size_t room, size_t *n);
/* Appends, or nothing and false past the ceiling. */
bool base64_encode(struct buf *out, const void *p, size_t n);

#endif
