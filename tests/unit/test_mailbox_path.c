/* SPDX-License-Identifier: ISC */
#include "common/mailbox-path.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define LONG "0123456789012345678901234567890123456789012345678901234567890123" /* 64 */

static const struct {
	const char *template;
	struct str address;
	const char *root;
	struct str path; /* empty: none */
} rows[] = {
    {"/var/mail/%d/%n", STR("ann@example.org"), "/var/mail", STR("example.org/ann")},
    {"/var/mail/%d/%n/Maildir", STR("ann@example.org"), "/var/mail",
	STR("example.org/ann/Maildir")},
    {"/var/mail/%u", STR("ann@example.org"), "/var/mail", STR("ann@example.org")},
    {"/var/mail/box-%u.d", STR("ann@x"), "/var/mail", STR("box-ann@x.d")},
    {"//var//mail//%d//%n/", STR("ann@x"), "/var/mail", STR("x/ann")},
    {"/m/%d/x/%n", STR("ann@x"), "/m", STR("x/x/ann")},
    {"/m/%n@%d", STR("ann@x"), "/m", STR("ann@x")},
    {"/m/%d/%n", STR("Ann.Bee@X.Org"), "/m", STR("x.org/ann.bee")},
    {"/m/%d/%n", STR("\"a b\"@x"), "/m", STR("x/a%20b")},
    {"/m/%d/%n", STR("\"a/b\"@x"), "/m", STR("x/a%2Fb")},
    {"/m/%d/%n", STR("a/b@x"), "/m", STR("x/a%2Fb")},
    {"/m/%d/%n", STR("../../etc/passwd@x"), "/m", STR("x/%2E.%2F..%2Fetc%2Fpasswd")},
    {"/m/%d/%n", STR("\"..\"@x"), "/m", STR("x/%2E.")},
    {"/m/%d/%n", STR("\".\"@x"), "/m", STR("x/%2E")},
    {"/m/%d/.%n", STR("\".\"@x"), "/m", STR("x/.%2E")},
    {"/m/%d/%n", STR("a%2fb@x"), "/m", STR("x/a%252fb")},
    {"/m/%d/%n", STR("a%n@x"), "/m", STR("x/a%25n")},
    {"/m/%d/%n", STR("\"\\\"\"@x"), "/m", STR("x/\"")},
    {"/m/%d/%n", STR("a\0b@x"), "/m", STR("x/a%00b")},
    {"/m/%d/%n", STR("a\n@x"), "/m", STR("x/a%0A")},
    {"/m/%d/%n", STR("a@.."), "/m", STR("%2E./a")},
    {"/m/%d/%n", STR("a@/etc"), "/m", STR("%2Fetc/a")},
    {"/m/%d/%n", STR("a@[ipv6:::1]"), "/m", STR("[ipv6:::1]/a")},
    {"/m/%d/%n", STR("\xc3\xa9@x"), "/m", STR("x/\xc3\xa9")},
    {"/m/%d/%n", STR("\"a@b\"@c"), "/m", STR("c/a@b")},
    {"/m/%d/%n", STR("\"\"@x"), "/m", STR("")},
    {"/m/%d/%n", STR("postmaster"), "/m", STR("")},
    {"/m/%d/%n", STR("@x"), "/m", STR("")},
    {"/m/%d/%n", STR("a@"), "/m", STR("")},
    {"/m/%d/%n", STR(""), "/m", STR("")},
    {"/m/%d/%n", STR(LONG "@x"), "/m", STR("x/" LONG)},
    {"/m/%d/%n", STR(LONG "0@x"), "/m", STR("")},
    {"/m/%d/%n", STR("a@" LONG LONG LONG LONG), "/m", STR("")},
    {"/m", STR("a@x"), "/m", STR("")},
    {"/m/%x", STR("a@x"), "/m", STR("")},
    {"/m/%", STR("a@x"), "/m", STR("")},
};

START_TEST(paths_are_below_the_root)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf root = BUF_INIT(1024);
		struct buf path = BUF_INIT(1024);
		struct str address = unit_copy(rows[i].address);
		ck_assert(mailbox_root(rows[i].template, &root));
		ck_assert_str(buf_str(&root), str_from_cstr(rows[i].root));
		bool ok = mailbox_path(rows[i].template, address, &path);
		ck_assert_msg(
		    ok == (rows[i].path.n > 0), "row %zu: %.*s", i, STR_ARG(buf_str(&path)));
		ck_assert_str(buf_str(&path), rows[i].path);
		unit_free(address);
		buf_release(&root);
		buf_release(&path);
	}
}
END_TEST

START_TEST(what_is_in_the_buffer_stays)
{
	struct buf out = BUF_INIT(1024);
	ck_assert(mailbox_root("/m/%u", &out));
	ck_assert(buf_append_u8(&out, '/'));
	ck_assert(mailbox_path("/m/%u", STR("a@x"), &out));
	ck_assert_str(buf_str(&out), STR("/m/a@x"));
	ck_assert(!mailbox_path("/m/%u", STR("a"), &out));
	ck_assert_str(buf_str(&out), STR("/m/a@x"));
	buf_release(&out);
	struct buf small = BUF_INIT(5);
	ck_assert(!mailbox_path("/m/%d/%n", STR("ann@example.org"), &small));
	ck_assert_uint_eq(buf_len(&small), 0);
	buf_release(&small);
}
END_TEST

/* Two different (lower-case) addresses never share a mailbox, whatever is in them. */
START_TEST(addresses_do_not_share_a_mailbox)
{
	static const char *const templates[] = {
	    "/m/%d/%n", "/m/%u", "/m/%n@%d", "/m/%n/%d/x", "/m/x%d/y%n"};
	static const char *const parts[] = {"a", "b", "a.b", "a/b", "a%2fb", "%2E", "%",
	    "%25", "a@b", "..", ".", "a b", "a%20b", "a\n"};
	enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
	for (size_t t = 0; t < sizeof(templates) / sizeof(templates[0]); t++) {
		struct buf paths[PARTS][PARTS];
		for (size_t i = 0; i < PARTS * PARTS; i++) {
			struct buf *path = &paths[i / PARTS][i % PARTS];
			char address[100];
			int n = snprintf(address, sizeof(address), "\"%s\"@%s", parts[i / PARTS],
			    strchr(parts[i % PARTS], '@') != NULL ? "c" : parts[i % PARTS]);
			buf_init(path, 1024);
			ck_assert(mailbox_path(templates[t], str_from(address, (size_t)n), path));
		}
		for (size_t i = 0; i < PARTS * PARTS; i++)
			for (size_t k = 0; k < i; k++)
				if (str_eq(buf_str(&paths[i / PARTS][i % PARTS]),
					buf_str(&paths[k / PARTS][k % PARTS])))
					ck_abort_msg("%s: \"%s\"@%s and \"%s\"@%s", templates[t],
					    parts[i / PARTS], parts[i % PARTS], parts[k / PARTS],
					    parts[k % PARTS]);
		for (size_t i = 0; i < PARTS * PARTS; i++)
			buf_release(&paths[i / PARTS][i % PARTS]);
	}
}
END_TEST

START_TEST(no_path_leaves_the_root)
{
	static const char alphabet[] = "./%@\"\\a \n";
	for (unsigned n = 0; n < 9 * 9 * 9 * 9 * 9; n += unit_wants_few_rounds() ? 31 : 1) {
		char address[8];
		unsigned rest = n;
		for (size_t i = 0; i < 5; i++, rest /= 9)
			address[i] = alphabet[rest % 9];
		memcpy(address + 5, "@..", 3);
		struct buf path = BUF_INIT(1024);
		if (mailbox_path("/m/%d/.%n", str_from(address, 8), &path)) {
			struct str p = buf_str(&path);
			ck_assert_uint_eq(str_find(p, '/'), str_rfind(p, '/'));
			ck_assert(str_has_prefix(p, STR("%2E./.")));
			ck_assert(!str_eq(str_skip(p, 5), STR(".")) &&
				  !str_eq(str_skip(p, 5), STR("..")));
		}
		buf_release(&path);
	}
}
END_TEST

static const struct {
	const char *template;
	const char *fault; /* a part of it; NULL: none */
} templates[] = {
    {"/var/mail/%d/%n", NULL},
    {"/var/mail/%u", NULL},
    {"/var/mail/%n@%d", NULL},
    {"/var/mail/%d/%n/Maildir", NULL},
    {"/var/mail/%d/x%n", NULL},
    {"/var/mail/%n", "share"},
    {"/var/mail/%d", "share"},
    {"/var/mail", "share"},
    {"/%d/%n", "directory of its own"},
    {"/", "directory of its own"},
    {"var/mail/%d/%n", "absolute"},
    {"/var/mail/../%d/%n", ".."},
    {"/var/mail/%d/%n/..", ".."},
    {"/var/mail/%d/%x", "not %d"},
    {"/var/mail/%d/%n%", "not %d"},
    {"/var/mail/%d/%%n", "not %d"},
    {"/var/mail/%n%d", "two placeholders"},
    {"/var/mail/%n-%d", "two placeholders"},
    {"/var/mail/%n@@%d", "two placeholders"},
};

START_TEST(templates_are_checked)
{
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
		const char *fault = mailbox_template_fault(templates[i].template);
		if (templates[i].fault == NULL)
			ck_assert_msg(fault == NULL, "%s %s", templates[i].template, fault);
		else
			ck_assert_msg(fault != NULL && strstr(fault, templates[i].fault) != NULL,
			    "%s %s", templates[i].template, fault == NULL ? "passed" : fault);
	}
}
END_TEST

UNIT_MAIN("mailbox-path", paths_are_below_the_root, what_is_in_the_buffer_stays,
    addresses_do_not_share_a_mailbox, no_path_leaves_the_root, templates_are_checked)
