/* SPDX-License-Identifier: ISC
 *
 * No address leads out of the template's directory, and different addresses do not
 * lead to the same mailbox. Input: two addresses with a NUL between them.
 */
#include "common/address.h"
#include "common/mailbox-path.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const templates[] = {"/m/%d/%n", "/m/%u", "/m/%n@%d", "/m/%n/x/%d",
    "/m/.%d/.%n.", "/m/%d/%n/Maildir", "/var/mail/x%u"};

static void check_components(struct str path)
{
	while (path.n > 0) {
		size_t n = str_find(path, '/');
		struct str c = str_head(path, n);
		if (c.n == 0 || c.n > 255 || str_eq(c, STR(".")) || str_eq(c, STR("..")))
			abort();
		path = str_skip(path, n + 1);
	}
}

static size_t count(struct str s, char c)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

static bool is_same_address(struct str a, struct str b, struct pool *pool)
{
	struct str local_a, local_b, domain_a, domain_b;
	if (!address_split(a, &local_a, &domain_a) || !address_split(b, &local_b, &domain_b) ||
	    !address_unquote(local_a, pool, &local_a) || !address_unquote(local_b, pool, &local_b))
		abort();
	return str_caseeq(local_a, local_b) && str_caseeq(domain_a, domain_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf a = BUF_INIT(2048);
	struct buf b = BUF_INIT(2048);
	if (size == 0)
		return 0;
	struct pool *pool = pool_new(1 << 20);
	const char *template = templates[data[0] % (sizeof(templates) / sizeof(templates[0]))];
	struct str in = str_from(data + 1, size - 1);
	size_t nul = str_find(in, '\0');
	struct str one = str_head(in, nul);
	struct str other = str_skip(in, nul + 1);
	bool has_a = mailbox_path(template, one, &a);
	bool has_b = mailbox_path(template, other, &b);
	if (has_a) {
		check_components(buf_str(&a));
		if (count(buf_str(&a), '/') > count(str_from_cstr(template), '/') - 2 ||
		    count(buf_str(&a), '\0') > 0)
			abort();
	}
	if (has_a && has_b && str_eq(buf_str(&a), buf_str(&b)) &&
	    !is_same_address(one, other, pool))
		abort();
	buf_release(&a);
	buf_release(&b);
	pool_free(pool);
	return 0;
}
