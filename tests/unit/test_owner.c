/* SPDX-License-Identifier: ISC */
#include "directory/key.h"
#include "directory/owner.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"


static const char domains[] =
    "example.org\nexample.net\nold.example\nall.example\nfar.example relay\n";
static const char users[] =
    "ann@example.org\nbob@example.org\nann@example.net\nm\303\274ller@example.org\n";
static const char aliases[] = "sales@example.org: ann\n"
			      "both@example.org: ann, bob\n"
			      "bob@example.org: bob, ann\n"
			      "deep@example.org: sales\n"
			      "away@example.org: ann@elsewhere.example\n"
			      "webmaster: ann@example.org\n"
			      "gone@example.org: refuse: has left\n"
			      "void@example.org: discard:\n"
			      "@all.example: ann@example.org\n"
			      "@old.example: @example.org\n";
static const char senders[] =
    "# who may speak for whom\n"
    "bob@example.org press@example.org @partner.example Boss@Example.NET\n"
    "ann@example.net *\n";

static const struct {
	const char *user, *address;
	enum sender_verdict expect;
} rows[] = {
    {"ann@example.org", "ann@example.org", SENDER_OK},
    {"ann@example.org", "Ann@Example.ORG", SENDER_OK},
    {"ann@example.org", "ann+anything@example.org", SENDER_OK},
    {"ann@example.org", "ann@example.net", SENDER_NOT_OWNED},
    {"ann@example.org", "bob@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "annx@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "nobody@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "ann@elsewhere.example", SENDER_NOT_OWNED},
    {"ann@example.org", "ann@far.example", SENDER_NOT_OWNED},
    {"ann@example.org", "sales@example.org", SENDER_OK},
    {"ann@example.org", "sales+x@example.org", SENDER_OK},
    {"ann@example.org", "deep@example.org", SENDER_OK},
    {"ann@example.org", "webmaster@example.net", SENDER_OK},
    {"ann@example.org", "both@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "away@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "gone@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "void@example.org", SENDER_NOT_OWNED},
    {"ann@example.org", "anything@all.example", SENDER_OK},
    {"ann@example.org", "ann@old.example", SENDER_OK},
    {"ann@example.org", "bob@old.example", SENDER_NOT_OWNED},
    {"bob@example.org", "anything@all.example", SENDER_NOT_OWNED},
    /* Copies of bob's mail go to ann, but the mailbox of that name is bob's. */
    {"bob@example.org", "bob@example.org", SENDER_OK},
    {"bob@example.org", "bob+x@example.org", SENDER_OK},
    {"ann@example.org", "bob+x@example.org", SENDER_NOT_OWNED},
    {"bob@example.org", "press@example.org", SENDER_OK},
    {"bob@example.org", "PRESS@example.org", SENDER_OK},
    {"bob@example.org", "press+x@example.org", SENDER_NOT_OWNED},
    {"bob@example.org", "anybody@partner.example", SENDER_OK},
    {"bob@example.org", "anybody@sub.partner.example", SENDER_NOT_OWNED},
    {"bob@example.org", "boss@example.net", SENDER_OK},
    {"ann@example.net", "whoever@wherever.example", SENDER_OK},
    {"m\303\274ller@example.org", "m\303\274ller+x@example.org", SENDER_OK},
    {"nobody@example.org", "nobody@example.org", SENDER_NOT_OWNED},
};

static void load(struct tables *t)
{
	struct buf *text = &t->texts[TABLE_SENDERS].buf;
	fixture_tables(t, domains, users, aliases, NULL);
	ck_assert_str_eq(fixture_faults(t), "");
	ck_assert(buf_append(text, senders, sizeof(senders) - 1));
	table_parse(&t->tables[TABLE_SENDERS], buf_str(text), &t->faults);
	ck_assert_str_eq(fixture_faults(t), "");
}

static enum sender_verdict check(const struct lookup *lookup, const char *user, const char *address)
{
	const struct expand_rules rules = {.delimiters = STR("+")};
	struct pool *pool = pool_new(EXPAND_POOL_MAX);
	struct str key;
	ck_assert(key_address(str_from_cstr(user), pool, &key));
	enum sender_verdict verdict =
	    owner_check(lookup, &rules, key, str_from_cstr(address), pool);
	pool_free(pool);
	return verdict;
}

START_TEST(owners)
{
	struct tables t;
	load(&t);
	const struct lookup lookup = tables_lookup(&t);
	enum sender_verdict is = check(&lookup, rows[_i].user, rows[_i].address);
	ck_assert_msg(is == rows[_i].expect, "%s as %s: %d", rows[_i].user, rows[_i].address, is);
	tables_close(&t);
}
END_TEST

struct failing {
	struct lookup inner;
	unsigned left;
};

static enum lookup_result fail_later(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	struct failing *f = ctx;
	if (f->left == 0)
		return LOOKUP_FAILED;
	f->left--;
	return lookup_get(&f->inner, table, key, pool, value);
}

/* Whichever look-up fails, nobody becomes an owner by it, and nobody is refused for good. */
START_TEST(tables_that_cannot_be_read)
{
	struct tables t;
	load(&t);
	for (unsigned n = 0;; n++) {
		struct failing f = {.inner = tables_lookup(&t), .left = n};
		const struct lookup lookup = {.get = fail_later, .ctx = &f};
		enum sender_verdict is = check(&lookup, rows[_i].user, rows[_i].address);
		if (f.left > 0) {
			ck_assert_int_eq(is, rows[_i].expect);
			break;
		}
		ck_assert(is == SENDER_TEMPORARY || is == rows[_i].expect);
	}
	tables_close(&t);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("owner");
	int n = (int)(sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(c, owners, 0, n);
	tcase_add_loop_test(c, tables_that_cannot_be_read, 0, n);
	return unit_run_case("owner", c);
}
