/* SPDX-License-Identifier: ISC
 *
 * A person's name as a phrase of RFC 5322 §3.2.5, for the From field.
 */
#ifndef POSTERN_PHRASE_H
#define POSTERN_PHRASE_H

#include "common/buf.h"

/* Appends the name: as it is, quoted when it has specials, as encoded words (RFC 2047) when it has
 * bytes above 127. Control characters become blanks. False past the buffer's ceiling. */
bool phrase_put(struct buf *out, struct str name);
/* The name in a password file entry: up to the first comma, "&" for the login with a capital. */
bool phrase_from_gecos(struct buf *out, struct str gecos, struct str login);

#endif
