/* SPDX-License-Identifier: ISC
 *
 * Paths and mailboxes: what is parsed lies within the input, and its canonical form
 * is an address again, whose canonical form it is itself.
 */
#include "common/address.h"
#include "common/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_within(struct str part, struct str whole)
{
	must(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void check_canonical(const struct address *a, struct pool *pool)
{
	struct address again;
	struct str canonical;
	struct str twice;
	struct str local_part;
	struct str domain;
	must(address_canonical(a, pool, &canonical));
	if (a->is_null || a->domain.n == 0)
		return;
	must(canonical.n <= ADDRESS_MAX);
	for (size_t i = 0; i < canonical.n; i++)
		must((uint8_t)canonical.p[i] >= ' ' && canonical.p[i] != 0x7f);
	must(address_parse(canonical, true, &again) == ADDRESS_OK);
	must(address_canonical(&again, pool, &twice));
	must(str_eq(canonical, twice));
	must(address_split(canonical, &local_part, &domain));
	must(utf8_is_ascii(domain));
	must(address_unquote(local_part, pool, &twice));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address a;
	struct str rest = {NULL, 0};
	if (size == 0)
		return 0;
	struct pool *pool = pool_new(1 << 20);
	struct str in = {(const char *)data + 1, size - 1};
	bool utf8 = data[0] & 1;
	if (address_parse_path(in, utf8, data[0] & 2, data[0] & 4, &a, &rest) == ADDRESS_OK) {
		check_within(a.local_part, in);
		check_within(a.domain, in);
		check_within(rest, in);
		must(!a.is_null || (data[0] & 2) != 0);
		must(utf8 || !a.is_utf8);
		check_canonical(&a, pool);
	}
	if (address_parse(in, utf8, &a) == ADDRESS_OK) {
		must(a.domain.n > 0 && a.local_part.n + 1 + a.domain.n == in.n);
		must(a.is_literal ? address_is_literal(a.domain)
				  : address_is_domain(a.domain, utf8));
		check_canonical(&a, pool);
	}
	address_is_domain(in, utf8);
	address_is_literal(in);
	pool_free(pool);
	return 0;
}
