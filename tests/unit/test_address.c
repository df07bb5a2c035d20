/* SPDX-License-Identifier: ISC */
#include "common/address.h"
#include "common/sandbox-internal.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define L10	  "1234567890"
#define L60	  L10 L10 L10 L10 L10 L10
#define LABEL63	  L60 "abc"
#define DOMAIN255 LABEL63 "." LABEL63 "." LABEL63 "." LABEL63

/* What address_parse says of a Mailbox; also tried in a path and with SMTPUTF8. */
static const struct {
	struct str in;
	enum address_error error;
	struct str local_part, domain;
	struct str canonical;
} mailboxes[] = {
    {STR("a@b"), ADDRESS_OK, STR("a"), STR("b"), STR("a@b")},
    {STR("Ann.Bee@Example.ORG"), ADDRESS_OK, STR("Ann.Bee"), STR("Example.ORG"),
	STR("Ann.Bee@example.org")},
    {STR("!#$%&'*+-/=?^_`{|}~@x"), ADDRESS_OK, STR("!#$%&'*+-/=?^_`{|}~"), STR("x"),
	STR("!#$%&'*+-/=?^_`{|}~@x")},
    {STR("a@1.2.3.4"), ADDRESS_OK, STR("a"), STR("1.2.3.4"), STR("a@1.2.3.4")},
    {STR("a@x-y.z9"), ADDRESS_OK, STR("a"), STR("x-y.z9"), STR("a@x-y.z9")},
    {STR("a@x--y"), ADDRESS_OK, STR("a"), STR("x--y"), STR("a@x--y")},
    {STR("\"a\"@b"), ADDRESS_OK, STR("\"a\""), STR("b"), STR("a@b")},
    {STR("\"a b\"@b"), ADDRESS_OK, STR("\"a b\""), STR("b"), STR("\"a b\"@b")},
    {STR("\"\\a\\.\\b\"@b"), ADDRESS_OK, STR("\"\\a\\.\\b\""), STR("b"), STR("a.b@b")},
    {STR("\"a@b\"@c"), ADDRESS_OK, STR("\"a@b\""), STR("c"), STR("\"a@b\"@c")},
    {STR("\"\\\"\\\\\"@c"), ADDRESS_OK, STR("\"\\\"\\\\\""), STR("c"), STR("\"\\\"\\\\\"@c")},
    {STR("\"\"@c"), ADDRESS_OK, STR("\"\""), STR("c"), STR("\"\"@c")},
    {STR("\"a..b\"@c"), ADDRESS_OK, STR("\"a..b\""), STR("c"), STR("\"a..b\"@c")},
    {STR("\".\"@c"), ADDRESS_OK, STR("\".\""), STR("c"), STR("\".\"@c")},
    {STR("\"<>\"@c"), ADDRESS_OK, STR("\"<>\""), STR("c"), STR("\"<>\"@c")},
    {STR("a@[192.0.2.1]"), ADDRESS_OK, STR("a"), STR("[192.0.2.1]"), STR("a@[192.0.2.1]")},
    {STR("a@[IPv6:2001:DB8::1]"), ADDRESS_OK, STR("a"), STR("[IPv6:2001:DB8::1]"),
	STR("a@[ipv6:2001:db8::1]")},
    {STR("a@[ipv6:::ffff:192.0.2.1]"), ADDRESS_OK, STR("a"), STR("[ipv6:::ffff:192.0.2.1]"),
	STR("a@[ipv6:::ffff:192.0.2.1]")},
    {STR(L60 "1234@b"), ADDRESS_OK, STR(L60 "1234"), STR("b"), STR(L60 "1234@b")},
    {STR("a@" DOMAIN255), ADDRESS_OK, STR("a"), STR(DOMAIN255), STR("a@" DOMAIN255)},
    {STR(L60 "12345@b"), ADDRESS_TOO_LONG, {0}, {0}, {0}},
    {STR("a@" DOMAIN255 ".x"), ADDRESS_TOO_LONG, {0}, {0}, {0}},
    {STR("a@x." DOMAIN255), ADDRESS_TOO_LONG, {0}, {0}, {0}},
    {STR("a@" LABEL63 "d"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR(""), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR(".a@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a.@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a..b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR(" a@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b "), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b."), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@.b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b..c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@-b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b-"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b-.c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b_c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b(c)"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a(c)@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a,b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a;b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a\\b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a\"b\"@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"a\"b@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"a@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"a\\\"@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\""), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"\\"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"\t\"@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"a\nb\"@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"\\\n\"@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"\x7f\"@c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a\0@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b\0"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\"\0\"@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b\r\nRCPT TO:<x@y>"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[1.2.3]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[1.2.3.256]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[1.2.3.4"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[1.2.3.4]x"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@["), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[1.2.3.4\0]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[IPv6:1.2.3.4]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[IPv6:]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[::1]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[IPv6:fe80::1%eth0]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@[X-tag:what]"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\xff@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a@b\xff"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\xc3@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("\xc0\xae@b"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    {STR("a\xe2\x80\xae@b"), ADDRESS_SYNTAX, {0}, {0}, {0}}, /* RIGHT-TO-LEFT OVERRIDE */
    {STR("a@b\xe3\x80\x82/c"), ADDRESS_SYNTAX, {0}, {0}, {0}},
    /* Unicode: fine with SMTPUTF8, and only then. */
    {STR("\xc3\xa9@b"), ADDRESS_NEEDS_UTF8, STR("\xc3\xa9"), STR("b"), STR("\xc3\xa9@b")},
    {STR("\"\xc3\xa9 x\"@b"), ADDRESS_NEEDS_UTF8, STR("\"\xc3\xa9 x\""), STR("b"),
	STR("\"\xc3\xa9 x\"@b")},
    {STR("a@b\xc3\xbc"
	 "cher.example"),
	ADDRESS_NEEDS_UTF8, STR("a"),
	STR("b\xc3\xbc"
	    "cher.example"),
	STR("a@xn--bcher-kva.example")},
    {STR("a@B\xc3\x9c"
	 "CHER.example"),
	ADDRESS_NEEDS_UTF8, STR("a"),
	STR("B\xc3\x9c"
	    "CHER.example"),
	STR("a@xn--bcher-kva.example")},
    {STR("a@bu\xcc\x88"
	 "cher.example"),
	ADDRESS_NEEDS_UTF8, STR("a"),
	STR("bu\xcc\x88"
	    "cher.example"),
	STR("a@xn--bcher-kva.example")}, /* not composed */
    {STR("a@xn--bcher-kva.EXAMPLE"), ADDRESS_OK, STR("a"), STR("xn--bcher-kva.EXAMPLE"),
	STR("a@xn--bcher-kva.example")},
    {STR("a@\xe2\x98\x83\xe2\x98\x83.-x"), ADDRESS_SYNTAX, {0}, {0}, {0}},
};

static enum address_error with_utf8(enum address_error error)
{
	return error == ADDRESS_NEEDS_UTF8 ? ADDRESS_OK : error;
}

static void check_parts(size_t row, const struct address *a)
{
	struct pool *pool = pool_new(4096);
	struct str canonical;
	struct str again;
	struct address b;
	ck_assert_str(a->local_part, mailboxes[row].local_part);
	ck_assert_str(a->domain, mailboxes[row].domain);
	ck_assert(a->is_literal == (a->domain.p[0] == '['));
	ck_assert(!a->is_null);
	ck_assert(address_canonical(a, pool, &canonical));
	ck_assert_str(canonical, mailboxes[row].canonical);
	/* The canonical form is an address, and its own canonical form. */
	ck_assert_int_eq(address_parse(canonical, true, &b), ADDRESS_OK);
	ck_assert(address_canonical(&b, pool, &again));
	ck_assert_str(again, canonical);
	pool_free(pool);
}

START_TEST(mailboxes_are_parsed_or_refused)
{
	for (size_t i = 0; i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
		struct address a;
		struct str in = unit_copy(mailboxes[i].in);
		enum address_error error = address_parse(in, false, &a);
		ck_assert_msg(
		    error == mailboxes[i].error, "row %zu: %.*s: %d", i, STR_ARG(in), error);
		error = address_parse(in, true, &a);
		ck_assert_msg(error == with_utf8(mailboxes[i].error),
		    "row %zu: %.*s: %d with SMTPUTF8", i, STR_ARG(in), error);
		if (error == ADDRESS_OK)
			check_parts(i, &a);
		ck_assert(
		    error != ADDRESS_OK || a.is_utf8 == (mailboxes[i].error == ADDRESS_NEEDS_UTF8));
		unit_free(in);
	}
}
END_TEST

/* A mailbox between angle brackets, and after a source route, is the same one. */
START_TEST(a_path_is_a_mailbox_in_brackets)
{
	static const char *const routes[] = {"<", "<@x:", "<@x.y,@z-1.example:"};
	for (size_t i = 0; i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
		for (size_t k = 0; k < 3; k++) {
			char text[1024];
			struct address a;
			struct str rest = STR("untouched");
			size_t n = strlen(routes[k]);
			memcpy(text, routes[k], n);
			memcpy(text + n, mailboxes[i].in.p, mailboxes[i].in.n);
			n += mailboxes[i].in.n;
			memcpy(text + n, "> X", 3);
			struct str in = unit_copy(str_from(text, n + 3));
			enum address_error error =
			    address_parse_path(in, true, false, false, &a, &rest);
			ck_assert_msg(error == with_utf8(mailboxes[i].error), "row %zu, %.*s", i,
			    STR_ARG(in));
			if (error == ADDRESS_OK) {
				check_parts(i, &a);
				ck_assert_str(rest, STR(" X"));
			}
			unit_free(in);
		}
	}
}
END_TEST

static const struct {
	const char *in;
	bool allow_null, allow_postmaster;
	enum address_error error;
	const char *local_part;
	bool is_null;
	const char *rest;
} paths[] = {
    {"<>", true, false, ADDRESS_OK, "", true, ""},
    {"<> SIZE=1", true, false, ADDRESS_OK, "", true, " SIZE=1"},
    {"<>", false, true, ADDRESS_SYNTAX, "", false, ""},
    {"< >", true, false, ADDRESS_SYNTAX, "", false, ""},
    {"<@x:>", true, false, ADDRESS_SYNTAX, "", false, ""},
    {"<postmaster>", false, true, ADDRESS_OK, "postmaster", false, ""},
    {"<PostMaster> X", false, true, ADDRESS_OK, "PostMaster", false, " X"},
    {"<postmaster>", true, false, ADDRESS_SYNTAX, "", false, ""},
    {"<postmasters>", false, true, ADDRESS_SYNTAX, "", false, ""},
    {"<postmaste>", false, true, ADDRESS_SYNTAX, "", false, ""},
    {"<postmaster", false, true, ADDRESS_SYNTAX, "", false, ""},
    {"<@x:postmaster>", false, true, ADDRESS_SYNTAX, "", false, ""},
    {"<postmaster@x>", false, true, ADDRESS_OK, "postmaster", false, ""},
    {"<a@b>>", false, false, ADDRESS_OK, "a", false, ">"},
    {"<a@b>X", false, false, ADDRESS_OK, "a", false, "X"},
    {"a@b", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"", true, true, ADDRESS_SYNTAX, "", false, ""},
    {"<", true, true, ADDRESS_SYNTAX, "", false, ""},
    {"<a@b", false, false, ADDRESS_SYNTAX, "", false, ""},
    {" <a@b>", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"<<a@b>>", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"<@x,@y:a@b>", false, false, ADDRESS_OK, "a", false, ""},
    {"<@x,y:a@b>", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"<@x a@b>", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"<@:a@b>", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"<@x,:a@b>", false, false, ADDRESS_SYNTAX, "", false, ""},
    {"<@[1.2.3.4]:a@b>", false, false, ADDRESS_SYNTAX, "", false, ""},
};

START_TEST(paths_have_their_own_forms)
{
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct address a;
		struct str rest = {NULL, 0};
		struct str in = unit_copy(str_from_cstr(paths[i].in));
		enum address_error error = address_parse_path(
		    in, false, paths[i].allow_null, paths[i].allow_postmaster, &a, &rest);
		ck_assert_msg(error == paths[i].error, "row %zu: %s: %d", i, paths[i].in, error);
		if (error == ADDRESS_OK) {
			ck_assert(a.is_null == paths[i].is_null);
			ck_assert_str(a.local_part, str_from_cstr(paths[i].local_part));
			ck_assert_str(rest, str_from_cstr(paths[i].rest));
		}
		unit_free(in);
	}
}
END_TEST

START_TEST(no_prefix_of_a_path_is_one)
{
	for (size_t i = 0; i < sizeof(mailboxes) / sizeof(mailboxes[0]); i++) {
		for (size_t cut = 0; cut <= mailboxes[i].in.n; cut++) {
			char text[1024] = "<";
			struct address a;
			struct str rest;
			memcpy(text + 1, mailboxes[i].in.p, cut);
			struct str in = unit_copy(str_from(text, cut + 1));
			if (memchr(text, '>', cut + 1) == NULL)
				ck_assert_int_ne(
				    address_parse_path(in, true, true, true, &a, &rest),
				    ADDRESS_OK);
			in.n > 1 ? (void)address_parse(str_skip(in, 1), true, &a) : (void)0;
			unit_free(in);
		}
	}
}
END_TEST

START_TEST(special_addresses_have_canonical_forms)
{
	struct pool *pool = pool_new(4096);
	struct address a;
	struct str rest;
	struct str out = STR("x");
	ck_assert_int_eq(address_parse_path(STR("<>"), false, true, false, &a, &rest), ADDRESS_OK);
	ck_assert(address_canonical(&a, pool, &out));
	ck_assert_uint_eq(out.n, 0);
	ck_assert_int_eq(
	    address_parse_path(STR("<Postmaster>"), false, false, true, &a, &rest), ADDRESS_OK);
	ck_assert(address_canonical(&a, pool, &out));
	ck_assert_str(out, STR("Postmaster"));
	pool_free(pool);
	pool = pool_new(16);
	ck_assert_int_eq(address_parse(STR("somebody@example.org"), false, &a), ADDRESS_OK);
	ck_assert(!address_canonical(&a, pool, &out));
	pool_free(pool);
}
END_TEST

static const struct {
	struct str in;
	bool domain, utf8_domain, literal;
} domains[] = {
    {STR("example.org"), true, true, false},
    {STR("localhost"), true, true, false},
    {STR(DOMAIN255), true, true, false},
    {STR(DOMAIN255 "x"), false, false, false},
    {STR("b\xc3\xbc"
	 "cher.example"),
	false, true, false},
    {STR("[127.0.0.1]"), false, false, true},
    {STR("[IPv6:::1]"), false, false, true},
    {STR("[127.0.0.1] "), false, false, false},
    {STR("127.0.0.1"), true, true, false},
    {STR(""), false, false, false},
    {STR("a b"), false, false, false},
    {STR("a."), false, false, false},
    {STR("a\0"), false, false, false},
    {STR("a\xff"), false, false, false},
};

START_TEST(domains_and_literals)
{
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		struct str in = unit_copy(domains[i].in);
		ck_assert_msg(address_is_domain(in, false) == domains[i].domain, "row %zu", i);
		ck_assert_msg(address_is_domain(in, true) == domains[i].utf8_domain, "row %zu", i);
		ck_assert_msg(address_is_literal(in) == domains[i].literal, "row %zu", i);
		unit_free(in);
	}
}
END_TEST

START_TEST(splitting_is_at_the_last_at)
{
	struct str local_part;
	struct str domain;
	ck_assert(address_split(STR("\"a@b\"@c"), &local_part, &domain));
	ck_assert_str(local_part, STR("\"a@b\""));
	ck_assert_str(domain, STR("c"));
	ck_assert(!address_split(STR("postmaster"), &local_part, &domain));
	ck_assert(!address_split(STR("@c"), &local_part, &domain));
	ck_assert(!address_split(STR("a@"), &local_part, &domain));
	ck_assert(!address_split(STR("@"), &local_part, &domain));
	ck_assert(!address_split((struct str){NULL, 0}, &local_part, &domain));
}
END_TEST

static const struct {
	struct str in;
	bool ok;
	struct str out;
} xtexts[] = {
    {STR("abc"), true, STR("abc")},
    {STR(""), true, STR("")},
    {STR("a+2Bb+3Dc"), true, STR("a+b=c")},
    {STR("rfc822;Bob@Example.com"), true, STR("rfc822;Bob@Example.com")},
    {STR("a+20b"), true, STR("a b")},
    {STR("!~"), true, STR("!~")},
    {STR("+7E"), true, STR("~")},
    {STR("a=b"), false, {0}},
    {STR("a b"), false, {0}},
    {STR("+"), false, {0}},
    {STR("+2"), false, {0}},
    {STR("a+2"), false, {0}},
    {STR("+2b"), false, {0}}, /* lower case */
    {STR("+GG"), false, {0}},
    {STR("+2+"), false, {0}},
    {STR("+00"), false, {0}},
    {STR("+0A"), false, {0}},
    {STR("+0D+0A"), false, {0}},
    {STR("+7F"), false, {0}},
    {STR("+80"), false, {0}},
    {STR("+FF"), false, {0}},
    {STR("a\0"), false, {0}},
    {STR("a\x7f"), false, {0}},
    {STR("a\xc3\xa9"), false, {0}},
    {STR("a\t"), false, {0}},
};

START_TEST(xtext_is_decoded_or_refused)
{
	for (size_t i = 0; i < sizeof(xtexts) / sizeof(xtexts[0]); i++) {
		struct pool *pool = pool_new(4096);
		struct str out;
		struct str in = unit_copy(xtexts[i].in);
		ck_assert_msg(xtext_decode(in, pool, &out) == xtexts[i].ok, "row %zu", i);
		if (xtexts[i].ok)
			ck_assert_str(out, xtexts[i].out);
		unit_free(in);
		pool_free(pool);
	}
	struct pool *small = pool_new(8);
	struct str out;
	ck_assert(!xtext_decode(STR("0123456789"), small, &out));
	const struct str whole = STR("a+2Bb+3Dc");
	for (size_t n = 0; n <= whole.n; n++) {
		struct str in = unit_copy(str_head(whole, n));
		bool inside = n == 2 || n == 3 || n == 6 || n == 7;
		struct pool *pool = pool_new(4096);
		ck_assert_int_eq(xtext_decode(in, pool, &out), !inside);
		pool_free(pool);
		unit_free(in);
	}
	pool_free(small);
}
END_TEST

START_TEST(unquoting)
{
	struct pool *pool = pool_new(4096);
	struct str out;
	ck_assert(address_unquote(STR("a.b"), pool, &out));
	ck_assert_str(out, STR("a.b"));
	ck_assert(address_unquote(STR("\"a\\\"\\\\b c\""), pool, &out));
	ck_assert_str(out, STR("a\"\\b c"));
	ck_assert(address_unquote(STR("\"\""), pool, &out));
	ck_assert_uint_eq(out.n, 0);
	ck_assert(address_unquote(STR("\""), pool, &out)); /* not from a parser, but no harm */
	ck_assert(address_unquote(STR("\"\\\""), pool, &out));
	pool_free(pool);
}
END_TEST

/* libidn2 asks the system for nothing. */
START_TEST(unicode_domains_work_in_the_jail)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct address a;
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		sandbox_filter(0);
		_exit(address_parse(STR("a@b\xc3\xbc"
					"cher.example"),
			  true, &a) == ADDRESS_OK
			  ? 7
			  : 8);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

UNIT_MAIN("address", mailboxes_are_parsed_or_refused, a_path_is_a_mailbox_in_brackets,
    paths_have_their_own_forms, no_prefix_of_a_path_is_one, special_addresses_have_canonical_forms,
    domains_and_literals, splitting_is_at_the_last_at, xtext_is_decoded_or_refused, unquoting,
    unicode_domains_work_in_the_jail)
