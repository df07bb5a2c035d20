/* SPDX-License-Identifier: ISC
 *
 * The form in which addresses are looked up: ASCII letters in lower case, in the
 * local part too (RFC 5321 §2.4 leaves that to the host that owns the domain),
 * and internationalised domains as A-labels, so that both spellings of a domain
 * are one.
 */
#ifndef POSTERN_DIRECTORY_KEY_H
#define POSTERN_DIRECTORY_KEY_H

#include "common/pool.h"

/* All of them: false when the domain has no A-label form, is too long, or past the pool. */
bool key_domain(struct str domain, struct pool *pool, struct str *out);
/* `canonical` as address_canonical makes it; one without "@" gives a local part alone. */
bool key_address(struct str canonical, struct pool *pool, struct str *out);
bool key_lower(struct str s, struct pool *pool, struct str *out);
/* "local@domain", nothing changed. */
bool key_join(struct str local_part, struct str domain, struct pool *pool, struct str *out);
/* Parts of a key; `domain` is empty when there is no "@". */
void key_split(struct str key, struct str *local_part, struct str *domain);

#endif
