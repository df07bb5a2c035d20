/* SPDX-License-Identifier: ISC
 *
 * What the table users keeps under an address: HASH, or
 * HASH:SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER with salt and keys in base64 (RFC 5803 §3.1).
 * HASH is for PLAIN and LOGIN, the rest for SCRAM.
 */
#ifndef POSTERN_DIRECTORY_USER_RECORD_H
#define POSTERN_DIRECTORY_USER_RECORD_H

#include "common/scram.h"

enum { SCRAM_TEXT_MAX = 256, USER_VALUE_MAX = 256 + 1 + SCRAM_TEXT_MAX };

struct user_record {
	struct str hash; /* points into the value; not checked */
	bool has_keys;
	struct scram_keys keys;
};

/* NULL, or what is wrong with the keys, to follow "the SCRAM keys". */
const char *user_record_parse(struct str value, struct user_record *out);
/* Appends the part behind the second ":"; false past the ceiling. */
bool user_record_put_keys(struct buf *out, const struct scram_keys *keys);

#endif
