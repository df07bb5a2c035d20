/* SPDX-License-Identifier: ISC
 *
 * UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing past
 * U+10FFFF.
 */
#ifndef POSTERN_UTF8_H
#define POSTERN_UTF8_H

#include "common/str.h"

/* Octets of the character at the start of s, its number in *code; 0 when there is none. */
size_t utf8_decode(struct str s, uint32_t *code);
bool utf8_is_valid(struct str s);
bool utf8_is_ascii(struct str s);
/* Control characters (C0, DEL, C1) and what turns the direction of the text around it or breaks
 * its line: nothing that belongs on a terminal or in an address. */
bool utf8_is_control(uint32_t code);

#endif
