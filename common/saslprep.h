/* SPDX-License-Identifier: ISC
 *
 * SASLprep (RFC 4013): the one form of a password or a user name that programs on both sides of a
 * login agree on, however the letters were typed or stored. By GNU libidn, whose tables are those
 * of Unicode 3.2, as the RFC wants it; libidn2 has no stringprep.
 *
 * Needs memory and nothing else, so it works in every jail; any thread may call it.
 */
#ifndef POSTERN_SASLPREP_H
#define POSTERN_SASLPREP_H

#include "common/limits.h"
#include "common/str.h"

enum saslprep_use {
	/* What SCRAM makes keys of, at both ends (RFC 5802 §2.2): characters newer than Unicode 3.2
	 * are refused. */
	SASLPREP_STORED,
	/* What is compared, as a client sent it (RFC 3454 §7): they stay as they are. */
	SASLPREP_QUERY,
};

enum { SASLPREP_MAX = PASSWORD_MAX };

struct saslprep {
	size_t n;
	char text[SASLPREP_MAX];
};

/* NULL, or what is wrong with `in`, to follow "the password". Prepared text stays as it is. */
const char *saslprep_make(struct str in, enum saslprep_use use, struct saslprep *out);

static inline struct str saslprep_str(const struct saslprep *s)
{
	return str_from(s->text, s->n);
}

#endif
