/* SPDX-License-Identifier: ISC
 *
 * Whether a string can be a whole password hash of crypt(5): a method that the
 * system's libcrypt knows, and as many characters as that method makes, so that a
 * line cut short is found before its owner cannot log in.
 */
#ifndef POSTERN_DIRECTORY_HASH_FORMAT_H
#define POSTERN_DIRECTORY_HASH_FORMAT_H

#include "common/str.h"

enum hash_verdict {
	HASH_OK,
	HASH_WEAK, /* works, but by a method that is easily searched nowadays */
	HASH_BAD,
};

/* `why` is set unless HASH_OK: "is cut short: ...", to follow "the password hash". */
enum hash_verdict hash_format_check(struct str hash, const char **why);
/* "*": a mailbox without a login. */
bool hash_is_locked(struct str hash);
/* Method and cost: hashes of which these are the same take the same work. */
struct str hash_setting(struct str hash);

/* Longest hash that is taken. */
#define HASH_MAX 256

#endif
