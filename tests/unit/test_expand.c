/* SPDX-License-Identifier: ISC
 *
 * Expansion over tables as operators write them. A table with faults may be used
 * here: expansion must stay sound even if the build let something through.
 */
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static const char domains[] =
    "example.org\nexample.net\nmünchen.example\nold.example\nloop.example\n"
    "pool.example\nall.example\n";
static const char users[] =
    "ann@example.org\nbob@example.org\n\"john smith\"@example.org\n"
    "ann@example.net\nbox@münchen.example\nplus+sign@example.org\nroot@example.net\n"
    "postmaster@example.net\nd@example.org\nm@all.example\n";
static const char aliases[] =
    "team@example.org: ann@example.org, bob, ann, Carol@Elsewhere.Example\n"
    "keep@example.org: ann\n"
    "bob@example.org: bob, ann\n"
    "away@example.org: friend@elsewhere.example\n"
    "null@example.org: discard:\n"
    "gone@example.org: refuse: has left; write to ann@example.org\n"
    "root: ann\n"
    "abuse: ann@example.org\n"
    "nested@example.org: team, null@example.org\n"
    "both@example.org: null@example.org, null\n"
    "@all.example: m\n"
    "@old.example: @example.org\n"
    "a@loop.example: b\n"
    "b@loop.example: a\n"
    "c@loop.example: c\n"
    "x@loop.example: a, ann@example.org\n"
    "dead@example.org: nobody@example.org\n"
    "list+news@example.org: bob\n"
    "list@example.org: ann\n"
    "togone@example.org: gone\n"
    "@pool.example: @elsewhere.example\n";

static struct tables tables;
static struct pool *pool;

static void setup(void)
{
	pool = pool_new(EXPAND_POOL_MAX);
	fixture_tables(&tables, domains, users, aliases, NULL);
}

static void teardown(void)
{
	tables_close(&tables);
	pool_free(pool);
}

static const char *const status_names[] = {[EXPAND_OK] = "ok",
    [EXPAND_NOT_OURS] = "not ours",
    [EXPAND_NO_MAILBOX] = "no mailbox",
    [EXPAND_REFUSED] = "refused",
    [EXPAND_DANGLING] = "dangling",
    [EXPAND_LOOP] = "loop",
    [EXPAND_TOO_MANY] = "too many",
    [EXPAND_TOO_DEEP] = "too deep",
    [EXPAND_FAILED] = "failed"};

/* "local:a remote:b>c", or the status and its text. */
static const char *describe(const struct expansion *x)
{
	static char out[4096];
	static const char *const transports[] = {[TRANSPORT_LOCAL] = "",
	    [TRANSPORT_REMOTE] = "remote:",
	    [TRANSPORT_DISCARD] = "discard:",
	    [TRANSPORT_HOLD] = "hold:"};
	size_t n = 0;
	if (x->status != EXPAND_OK)
		n = (size_t)snprintf(out, sizeof(out), "%s%s%.*s", status_names[x->status],
		    x->status == EXPAND_REFUSED ? ": " : "",
		    x->status == EXPAND_REFUSED ? (int)x->text.n : 0, x->text.p);
	for (size_t i = 0; i < x->count && n < sizeof(out); i++) {
		const struct target *t = &x->targets[i];
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s%.*s%s%.*s", n > 0 ? " " : "",
		    transports[t->transport], STR_ARG(t->address), t->nexthop.n > 0 ? ">" : "",
		    STR_ARG(t->nexthop));
	}
	return out;
}

static const struct {
	const char *ask, *expect;
	const char *delimiters, *postmaster;
} rows[] = {
    {"ann@example.org", "ann@example.org", NULL, NULL},
    {"ANN@example.org", "ann@example.org", NULL, NULL},
    {"ann@EXAMPLE.org", "ann@example.org", NULL, NULL},
    {"eve@example.org", "no mailbox", NULL, NULL},
    {"Ann@elsewhere.example", "not ours remote:Ann@elsewhere.example>elsewhere.example", NULL,
	NULL},
    {"ann@sub.example.org", "not ours remote:ann@sub.example.org>sub.example.org", NULL, NULL},
    {"ann@[192.0.2.1]", "not ours remote:ann@[192.0.2.1]>[192.0.2.1]", NULL, NULL},
    {"ann@[IPv6:2001:DB8::1]", "not ours remote:ann@[IPv6:2001:DB8::1]>[IPv6:2001:db8::1]", NULL,
	NULL},
    {"ann@[x:y]", "refused: 5.1.2 there is no way to such a domain", NULL, NULL},
    {"\"john smith\"@example.org", "\"john smith\"@example.org", NULL, NULL},
    {"box@münchen.example", "box@xn--mnchen-3ya.example", NULL, NULL},
    {"box@xn--mnchen-3ya.example", "box@xn--mnchen-3ya.example", NULL, NULL},
    {"box@MÜNCHEN.example", "box@xn--mnchen-3ya.example", NULL, NULL},
    /* Aliases: order kept, duplicates collapsed, the case of others' local parts kept. */
    {"team@example.org",
	"remote:Carol@elsewhere.example>elsewhere.example ann@example.org bob@example.org", NULL,
	NULL},
    {"keep@example.org", "ann@example.org", NULL, NULL},
    {"bob@example.org", "bob@example.org ann@example.org", NULL, NULL},
    {"away@example.org", "remote:friend@elsewhere.example>elsewhere.example", NULL, NULL},
    {"null@example.org", "discard:null@example.org", NULL, NULL},
    {"both@example.org", "discard:null@example.org", NULL, NULL},
    {"gone@example.org", "refused: has left; write to ann@example.org", NULL, NULL},
    /* Bare local parts: in every domain, unless it has something of its own. */
    {"root@example.org", "ann@example.org", NULL, NULL},
    {"root@example.net", "root@example.net", NULL, NULL},
    {"abuse@all.example", "ann@example.org", NULL, NULL},
    {"abuse@example.net", "ann@example.org", NULL, NULL},
    /* Extensions. */
    {"ann+lists@example.org", "ann@example.org", NULL, NULL},
    {"ann+a+b@example.org", "ann@example.org", NULL, NULL},
    {"ann+@example.org", "ann@example.org", NULL, NULL},
    {"ann-x@example.org", "no mailbox", NULL, NULL},
    {"ann-x@example.org", "ann@example.org", "-+", NULL},
    {"ann+x@example.org", "no mailbox", "", NULL},
    {"plus+sign@example.org", "plus+sign@example.org", NULL, NULL},
    {"+ann@example.org", "no mailbox", NULL, NULL},
    {"list+news@example.org", "bob@example.org ann@example.org", NULL, NULL},
    {"list+other@example.org", "ann@example.org", NULL, NULL},
    {"eve+x@example.org", "no mailbox", NULL, NULL},
    {"\"ann+x\"@example.org", "no mailbox", NULL, NULL},
    {"root+x@example.org", "ann@example.org", NULL, NULL},
    /* Catch-alls, and domains that stand for others. */
    {"anything@all.example", "m@all.example", NULL, NULL},
    {"m@all.example", "m@all.example", NULL, NULL},
    {"ann@old.example", "ann@example.org", NULL, NULL},
    {"ann+x@old.example", "ann@example.org", NULL, NULL},
    {"eve@old.example", "no mailbox", NULL, NULL},
    {"gone@old.example", "refused: has left; write to ann@example.org", NULL, NULL},
    {"Eve@pool.example", "remote:eve@elsewhere.example>elsewhere.example", NULL, NULL},
    /* RFC 5321 §4.5.1 */
    {"postmaster@example.org", "no mailbox", NULL, NULL},
    {"postmaster@example.org", "ann@example.org", NULL, "ann@example.org"},
    {"PostMaster@example.org", "ann@example.org", NULL, "ann@example.org"},
    {"postmaster@example.net", "postmaster@example.net", NULL, "ann@example.org"},
    {"postmaster@all.example", "ann@example.org", NULL, "ann@example.org"},
    {"postmaster@all.example", "m@all.example", NULL, NULL},
    {"postmaster@example.org", "remote:op@elsewhere.example>elsewhere.example", NULL,
	"op@elsewhere.example"},
    {"postmaster", "ann@example.org", NULL, "ann@example.org"},
    {"Postmaster", "ann@example.org", NULL, "ann@example.org"},
    {"postmaster", "no mailbox", NULL, NULL},
    {"postmaster@example.org", "no mailbox", NULL, "postmaster@example.org"},
    {"postmaster@example.org", "dangling", NULL, "nobody@example.org"},
    {"postmaster@elsewhere.example",
	"not ours remote:postmaster@elsewhere.example>elsewhere.example", NULL, "ann@example.org"},
    {"ann", "no mailbox", NULL, "ann@example.org"},
    /* Faults that the build reports; at run time they are no answer, not a refusal. */
    {"a@loop.example", "loop", NULL, NULL},
    {"b@loop.example", "loop", NULL, NULL},
    {"x@loop.example", "loop", NULL, NULL},
    {"c@loop.example", "dangling", NULL, NULL},
    {"dead@example.org", "dangling", NULL, NULL},
    {"togone@example.org", "dangling", NULL, NULL},
    {"nested@example.org",
	"remote:Carol@elsewhere.example>elsewhere.example discard:null@example.org ann@example.org "
	"bob@example.org",
	NULL, NULL},
};

START_TEST(expands)
{
	const struct expand_rules rules = {
	    .delimiters = str_from_cstr(rows[_i].delimiters == NULL ? "+" : rows[_i].delimiters),
	    .postmaster = str_from_cstr(rows[_i].postmaster)};
	const struct lookup lookup = tables_lookup(&tables);
	struct expansion x;
	expand(&lookup, &rules, str_from_cstr(rows[_i].ask), pool, &x);
	ck_assert_msg(strcmp(describe(&x), rows[_i].expect) == 0, "%s: %s, not %s", rows[_i].ask,
	    describe(&x), rows[_i].expect);
}
END_TEST

/* --- Routes: see route.h --- */

static const char route_domains[] = "example.org\nkept.example\nwaits.example\ngone.example\n"
				    "shut.example\nbackup.example relay\nother.example Relay\n";
static const char route_users[] = "ann@example.org\nbob@kept.example\nself@kept.example\n"
				  "eve@waits.example\nx@gone.example\ny@shut.example\n";
static const char route_aliases[] =
    "all@example.org: ann, bob@kept.example, eve@waits.example, c@far.example, d@void.example, "
    "e@backup.example\n"
    "self@kept.example: self, ann@example.org\n"
    "ann@kept.example: ann@example.org\n"
    "bad@example.org: z@refuse.example\n"
    "out@kept.example: b@far.example\n";
static const char routes[] = "kept.example LMTP:dovecot\n"
			     "waits.example hold\n"
			     "gone.example discard\n"
			     "shut.example error 5.2.1 closed for good\n"
			     "backup.example smtp:[Mx.backup.example]:2525\n"
			     "far.example smtp:[192.0.2.1]:25\n"
			     ".far.example relay:inside\n"
			     "deep.sub.far.example [IPv6:::1]\n"
			     "refuse.example error  we do not write to them\n"
			     "silent.example error\n"
			     "void.example Discard\n"
			     "keep.far.example hold\n"
			     "hold.example hold\n"
			     "münchen.example münchen.example\n";

static struct conf_relay relays[] = {
    {.name = (char *)(uintptr_t) "inside"},
    {.name = (char *)(uintptr_t) "first"},
    {.name = (char *)(uintptr_t) "second"},
};
static char *inside_domains[] = {
    (char *)(uintptr_t) "in.example", (char *)(uintptr_t) ".in.example"};
static char *first_domains[] = {
    (char *)(uintptr_t) "far.example", (char *)(uintptr_t) "x.in.example"};

static const struct {
	const char *ask, *expect;
	unsigned relays; /* of those above: 2 with domains, 1 for all else */
	bool star;	 /* "* relay:star" */
} routed[] = {
    {"ann@example.org", "ann@example.org", 3, true},
    {"bob@kept.example", "remote:bob@kept.example>lmtp:dovecot", 0, false},
    {"Bob+x@kept.example", "remote:bob@kept.example>lmtp:dovecot", 3, true},
    {"nobody@kept.example", "no mailbox", 3, true},
    {"self@kept.example", "remote:self@kept.example>lmtp:dovecot ann@example.org", 0, false},
    {"ann@kept.example", "ann@example.org", 0, false},
    {"out@kept.example", "remote:b@far.example>[192.0.2.1]", 0, false},
    {"eve@waits.example", "hold:eve@waits.example", 3, true},
    {"x@gone.example", "discard:x@gone.example", 0, false},
    {"y@shut.example", "refused: 5.2.1 closed for good", 0, false},
    {"z@shut.example", "no mailbox", 0, false},
    {"Any+one@backup.example", "remote:Any+one@backup.example>smtp:[mx.backup.example]:2525", 0,
	false},
    {"any@other.example", "remote:any@other.example>other.example", 0, false},
    {"any@other.example", "remote:any@other.example>relay:second", 3, false},
    {"all@example.org",
	"remote:c@far.example>[192.0.2.1] discard:d@void.example "
	"remote:e@backup.example>smtp:[mx.backup.example]:2525 ann@example.org "
	"remote:bob@kept.example>lmtp:dovecot hold:eve@waits.example",
	0, false},
    {"bad@example.org", "dangling", 0, false},
    {"A@far.example", "not ours remote:A@far.example>[192.0.2.1]", 3, true},
    {"a@sub.far.example", "not ours remote:a@sub.far.example>relay:inside", 0, false},
    {"a@x.y.far.example", "not ours remote:a@x.y.far.example>relay:inside", 0, false},
    {"a@deep.sub.far.example", "not ours remote:a@deep.sub.far.example>[IPv6:::1]", 0, false},
    {"a@keep.far.example", "not ours hold:a@keep.far.example>relay:inside", 0, false},
    {"a@hold.example", "not ours hold:a@hold.example>hold.example", 0, false},
    {"a@hold.example", "not ours hold:a@hold.example>relay:star", 0, true},
    {"a@refuse.example", "refused: we do not write to them", 3, true},
    {"a@silent.example", "refused: ", 3, true},
    {"a@void.example", "not ours discard:a@void.example", 3, true},
    {"a@MÜNCHEN.example", "not ours remote:a@MÜNCHEN.example>xn--mnchen-3ya.example", 0, false},
    /* Relays with domains, then "*", then the relay for all else, then the domain. */
    {"a@in.example", "not ours remote:a@in.example>in.example", 0, false},
    {"a@in.example", "not ours remote:a@in.example>relay:inside", 3, true},
    {"a@x.in.example", "not ours remote:a@x.in.example>relay:first", 3, true},
    {"a@y.x.in.example", "not ours remote:a@y.x.in.example>relay:inside", 3, true},
    {"a@nin.example", "not ours remote:a@nin.example>relay:star", 3, true},
    {"a@else.example", "not ours remote:a@else.example>relay:star", 3, true},
    {"a@else.example", "not ours remote:a@else.example>relay:second", 3, false},
    {"a@else.example", "not ours remote:a@else.example>else.example", 2, false},
    {"a@[192.0.2.9]", "not ours remote:a@[192.0.2.9]>[192.0.2.9]", 2, false},
    {"a@[192.0.2.9]", "not ours remote:a@[192.0.2.9]>relay:second", 3, false},
    {"a@[192.0.2.9]", "not ours remote:a@[192.0.2.9]>relay:star", 3, true},
};
enum { ROUTED = sizeof(routed) / sizeof(routed[0]) };

/* The tables and rules of a row. */
static struct conf route_conf;

static struct expand_rules load_routed(size_t row)
{
	struct table *t = &tables.tables[TABLE_ROUTES];
	char *text = NULL;
	tables_close(&tables);
	fixture_tables(&tables, route_domains, route_users, route_aliases, NULL);
	ck_assert_int_gt(
	    asprintf(&text, "%s%s", routes, routed[row].star ? "* relay:star\n" : ""), 0);
	ck_assert(buf_append(&tables.texts[TABLE_ROUTES].buf, text, strlen(text)));
	free(text);
	table_parse(t, buf_str(&tables.texts[TABLE_ROUTES].buf), &tables.faults);
	ck_assert_msg(tables.faults.errors == 0, "%s", fixture_faults(&tables));
	relays[0].domains = (struct conf_name_list){inside_domains, 2};
	relays[1].domains = (struct conf_name_list){first_domains, 2};
	route_conf = (struct conf){.relays = relays, .relay_count = routed[row].relays};
	return (struct expand_rules){.delimiters = STR("+"), .conf = &route_conf};
}

START_TEST(routes_are_followed)
{
	const struct expand_rules rules = load_routed((size_t)_i);
	const struct lookup lookup = tables_lookup(&tables);
	struct expansion x;
	expand(&lookup, &rules, str_from_cstr(routed[_i].ask), pool, &x);
	ck_assert_msg(strcmp(describe(&x), routed[_i].expect) == 0, "%s: %s, not %s",
	    routed[_i].ask, describe(&x), routed[_i].expect);
	ck_assert(x.status != EXPAND_NOT_OURS || x.count == 1);
}
END_TEST

/* A table that fails at its n-th look-up. */
struct failing {
	struct lookup inner;
	unsigned good;
};

static enum lookup_result fail_later(
    void *ctx, enum table_id table, struct str key, struct pool *p, struct str *value)
{
	struct failing *f = ctx;
	if (f->good == 0)
		return LOOKUP_FAILED;
	f->good--;
	return lookup_get(&f->inner, table, key, p, value);
}

/* Whatever look-up fails, the answer is "failed" until none does; then it is the right one. */
static void check_failing(const struct expand_rules *with, const char *address)
{
	const struct expand_rules rules = *with;
	struct failing f = {.inner = tables_lookup(&tables)};
	const struct lookup lookup = {.get = fail_later, .ctx = &f};
	const struct str ask = str_from_cstr(address);
	struct expansion whole, x;
	expand(&f.inner, &rules, ask, pool, &whole);
	char *expect = strdup(describe(&whole));
	for (unsigned n = 0;; n++) {
		f.good = n;
		expand(&lookup, &rules, ask, pool, &x);
		if (x.status != EXPAND_FAILED)
			break;
		ck_assert_uint_lt(n, 200);
	}
	ck_assert_str_eq(describe(&x), expect);
	free(expect);
}

START_TEST(failing_tables_never_refuse)
{
	check_failing(&(struct expand_rules){.delimiters = STR("+")}, rows[_i].ask);
}
END_TEST

START_TEST(failing_routes_never_refuse)
{
	const struct expand_rules rules = load_routed((size_t)_i);
	check_failing(&rules, routed[_i].ask);
}
END_TEST

static char *text_of(const char *(*line)(unsigned), unsigned count)
{
	struct buf b = BUF_INIT((size_t)16 * 1024 * 1024);
	for (unsigned i = 0; i < count; i++) {
		const char *l = line(i);
		ck_assert(buf_append(&b, l, strlen(l)));
	}
	ck_assert(buf_append_u8(&b, '\0'));
	return (char *)buf_data(&b);
}

static const char *chain_line(unsigned i)
{
	static char line[64];
	snprintf(line, sizeof(line), "n%u@example.org: n%u@example.org\n", i, i + 1);
	return line;
}

START_TEST(depth_is_capped)
{
	const struct expand_rules rules = {0};
	struct tables t;
	struct expansion x;
	char *chain = text_of(chain_line, EXPAND_DEPTH_MAX);
	/* n0 -> ... -> n32, a mailbox: as deep as it may be. */
	fixture_tables(&t, "example.org", "n32@example.org\nn33@example.org", chain, NULL);
	struct lookup lookup = tables_lookup(&t);
	expand(&lookup, &rules, STR("n0@example.org"), pool, &x);
	ck_assert_str_eq(describe(&x), "n32@example.org");
	tables_close(&t);
	free(chain);
	chain = text_of(chain_line, EXPAND_DEPTH_MAX + 1);
	fixture_tables(&t, "example.org", "n33@example.org", chain, NULL);
	lookup = tables_lookup(&t);
	expand(&lookup, &rules, STR("n0@example.org"), pool, &x);
	ck_assert_str_eq(describe(&x), "too deep");
	expand(&lookup, &rules, STR("n1@example.org"), pool, &x);
	ck_assert_str_eq(describe(&x), "n33@example.org");
	tables_close(&t);
	free(chain);
}
END_TEST

/* a: 1000 others, b: 1 more; both: a, b. */
static const char *member_line(unsigned i)
{
	static char line[64];
	snprintf(line, sizeof(line), "%s m%u@elsewhere.example%s", i == 0 ? "a@example.org:" : "",
	    i, i == EXPANSION_MAX - 1 ? "\n" : ",\n");
	return line;
}

START_TEST(targets_are_capped)
{
	const struct expand_rules rules = {0};
	struct tables t;
	struct expansion x;
	char *list = text_of(member_line, EXPANSION_MAX);
	struct buf all = BUF_INIT((size_t)1024 * 1024);
	ck_assert(buf_append(&all, list, strlen(list)));
	ck_assert(buf_append_str(&all, STR("b@example.org: one-more@elsewhere.example\n"
					   "same@example.org: m7@elsewhere.example\n"
					   "both@example.org: a, b\n"
					   "fits@example.org: a, same\n")));
	ck_assert(buf_append_u8(&all, '\0'));
	fixture_tables(&t, "example.org", "", (char *)buf_data(&all), NULL);
	const struct lookup lookup = tables_lookup(&t);
	expand(&lookup, &rules, STR("a@example.org"), pool, &x);
	ck_assert_uint_eq(x.count, EXPANSION_MAX);
	expand(&lookup, &rules, STR("fits@example.org"), pool, &x);
	ck_assert_uint_eq(x.count, EXPANSION_MAX);
	expand(&lookup, &rules, STR("both@example.org"), pool, &x);
	ck_assert_str_eq(describe(&x), "too many");
	ck_assert_ptr_nonnull(
	    strstr(fixture_faults(&t), "both@example.org stands for more than 1000"));
	ck_assert_uint_eq(t.faults.errors, 1);
	tables_close(&t);
	buf_release(&all);
	free(list);
}
END_TEST

/* 1000 long addresses are more than one packet holds. */
static const char *long_line(unsigned i)
{
	static char line[400];
	snprintf(line, sizeof(line), "%s m%u@%.*s.%.*s.example%s", i == 0 ? "a@example.org:" : "",
	    i, 60, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 60,
	    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
	    i == EXPANSION_MAX - 1 ? "\n" : ",\n");
	return line;
}

START_TEST(octets_are_capped)
{
	const struct expand_rules rules = {0};
	struct tables t;
	struct expansion x;
	char *list = text_of(long_line, EXPANSION_MAX);
	fixture_tables(&t, "example.org", "", list, NULL);
	const struct lookup lookup = tables_lookup(&t);
	expand(&lookup, &rules, STR("a@example.org"), pool, &x);
	ck_assert_str_eq(describe(&x), "too many");
	tables_close(&t);
	free(list);
}
END_TEST

/* A damaged record is a failure, not an unknown address. */
static enum lookup_result damaged(
    void *ctx, enum table_id table, struct str key, struct pool *p, struct str *value)
{
	(void)ctx;
	(void)key;
	(void)p;
	if (value != NULL)
		*value = STR("\0\1\1\0\0");
	return table == TABLE_USERS ? LOOKUP_NONE : LOOKUP_FOUND;
}

START_TEST(damaged_records_fail)
{
	const struct expand_rules rules = {0};
	const struct lookup lookup = {.get = damaged};
	struct expansion x;
	expand(&lookup, &rules, STR("ann@example.org"), pool, &x);
	ck_assert_str_eq(describe(&x), "failed");
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("all");
	const int n = (int)(sizeof(rows) / sizeof(rows[0]));
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, expands, 0, n);
	tcase_add_loop_test(c, failing_tables_never_refuse, 0, n);
	tcase_add_loop_test(c, routes_are_followed, 0, ROUTED);
	tcase_add_loop_test(c, failing_routes_never_refuse, 0, ROUTED);
	tcase_add_test(c, depth_is_capped);
	tcase_add_test(c, targets_are_capped);
	tcase_add_test(c, octets_are_capped);
	tcase_add_test(c, damaged_records_fail);
	return unit_run_case("expand", c);
}
