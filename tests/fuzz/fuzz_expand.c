/* SPDX-License-Identifier: ISC
 *
 * Expansion of any address over any aliases, those with faults included: it ends,
 * keeps its caps, and lists nobody twice. Input: addresses, one a line, NUL, aliases.
 */
#include "common/mem.h"
#include "common/nexthop.h"
#include "directory/tables.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const texts[TABLE_COUNT] = {
    [TABLE_DOMAINS] = "a.example\nb.example\nc.example\n",
    [TABLE_USERS] = "a@a.example:*\nb@a.example:*\na@b.example:*\n",
    [TABLE_ROUTES] = "b.example lmtp:b\nc.example hold\n.d.example error no\n* relay:r\n",
};

static void load(struct tables *t, struct str aliases)
{
	struct faults unused = {0};
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		struct str text = i == TABLE_ALIASES ? aliases : str_from_cstr(texts[i]);
		t->texts[i].path = xstrdup("table");
		t->texts[i].buf = BUF_INIT(TABLE_TEXT_MAX);
		buf_append_str(&t->texts[i].buf, text);
		table_init(&t->tables[i], (enum table_id)i, t->texts[i].path);
		table_parse(&t->tables[i], buf_str(&t->texts[i].buf), &unused);
	}
	faults_free(&unused);
}

static void check(const struct expansion *x)
{
	bool any = x->status == EXPAND_OK || x->status == EXPAND_NOT_OURS;
	if (x->count > EXPANSION_MAX || any != (x->count > 0) ||
	    (x->status == EXPAND_NOT_OURS && x->count != 1))
		abort();
	for (size_t i = 0; i < x->count; i++) {
		if (x->targets[i].address.n == 0 || x->targets[i].address.n > ADDRESS_MAX)
			abort();
		struct nexthop n;
		if (x->targets[i].transport == TRANSPORT_REMOTE &&
		    !nexthop_parse(x->targets[i].nexthop, &n))
			abort();
		for (size_t k = 0; k < i; k++)
			if (str_eq(x->targets[i].address, x->targets[k].address))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct expand_rules rules = {
	    .postmaster = STR("a@a.example"), .delimiters = STR("+")};
	struct str asks = str_from(data, size);
	size_t end = str_find(asks, '\0');
	struct tables t = {.dir = "", .dirfd = -1};
	load(&t, str_skip(asks, end + 1));
	asks = str_head(asks, end);
	struct pool *pool = pool_new(EXPAND_POOL_MAX);
	const struct lookup lookup = tables_lookup(&t);
	while (asks.n > 0) {
		struct str address = str_head(asks, str_find(asks, '\n'));
		struct expansion x;
		asks = str_skip(asks, address.n + 1);
		if (address.n > ADDRESS_MAX)
			continue;
		pool_reset(pool);
		expand(&lookup, &rules, address, pool, &x);
		check(&x);
		expand_exists(&lookup, &rules, address, pool);
	}
	pool_free(pool);
	tables_close(&t);
	return 0;
}
