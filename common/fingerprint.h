/* SPDX-License-Identifier: ISC
 *
 * A SHA-256 of a certificate, or of a key, as operators write it and tools print it.
 */
#ifndef POSTERN_FINGERPRINT_H
#define POSTERN_FINGERPRINT_H

#include "common/str.h"

enum { FINGERPRINT_SIZE = 32 };

/* For a fault: how to get one. */
#define FINGERPRINT_HELP \
	"write its 64 hexadecimal digits, or the whole line that `openssl x509 -noout " \
	"-fingerprint -sha256 -in FILE` prints"

/* Sixty-four hexadecimal digits, with colons between the octets or without, perhaps behind
 * "sha256 Fingerprint=" in any case; nothing else. */
bool fingerprint_parse(struct str in, uint8_t sha256[FINGERPRINT_SIZE]);

#endif
