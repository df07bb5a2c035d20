/* SPDX-License-Identifier: ISC
 *
 * What the users' passwords are kept as: the kinds of hashes and SCRAM keys that there are, and how
 * many users have each. Who is no user is taken for one of a kind that its lot picks, and each kind
 * has as many of the lots as it has of the users: so neither the time nor the iterations of one
 * login say whether there is such a user, be the table of many kinds.
 *
 * Hash and keys are one kind together, as a user has both: else a login could show a pair of them
 * that no user has.
 */
#ifndef POSTERN_DIRECTORY_STAND_INS_H
#define POSTERN_DIRECTORY_STAND_INS_H

#include "directory/hash-format.h"
#include "directory/user-record.h"

/* Kinds beyond the first few are not counted: an operator has one or two, and some more while
 * passwords are moved to another method. */
enum { STAND_INS_MAX = 16 };

struct stand_in {
	uint64_t users;
	uint32_t iterations; /* 0: without keys */
	size_t salt_size;
	size_t setting_size;
	char hash[HASH_MAX + 1]; /* the first one seen; the setting is its beginning */
};

/* All zero: of no users. It holds secrets: password_wipe. */
struct stand_ins {
	struct stand_in kinds[STAND_INS_MAX];
	size_t count;
};

/* Octets that are the same for the same login, and that nobody else can tell. */
struct stand_in_lot {
	uint32_t kind, keys;
};

/* Counts a user who has a password; others are left out. */
void stand_ins_count(struct stand_ins *s, const struct user_record *user);
/* After the last one: small changes of the table leave most lots where they were. */
void stand_ins_sort(struct stand_ins *s);

/* A hash to check a password against; NULL: there is none. */
const char *stand_ins_hash(const struct stand_ins *s, const struct stand_in_lot *lot);
/* Of whom SCRAM keys are shown; NULL: nobody has any. `has_hash`: it is a user who has a hash of
 * its own, and no keys. */
const struct stand_in *stand_ins_keys(
    const struct stand_ins *s, const struct stand_in_lot *lot, bool has_hash);

#endif
