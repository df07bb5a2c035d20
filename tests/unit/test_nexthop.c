/* SPDX-License-Identifier: ISC */
#include "common/nexthop.h"
#include "tests/unit/unit.h"

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *text;
	const char *canonical;
	struct nexthop is; /* `name` in `name` below */
	const char *name;
} good[] = {
    {"example.org", "example.org", {.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_DOMAIN, .port = 25},
	"example.org"},
    {"LocalHost", "localhost", {.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_DOMAIN, .port = 25},
	"LocalHost"},
    {"[192.0.2.1]", "[192.0.2.1]",
	{.protocol = NEXTHOP_SMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 4,
	    .address = {192, 0, 2, 1},
	    .port = 25},
	NULL},
    {"[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]",
	{.protocol = NEXTHOP_SMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 6,
	    .address = {0x20, 0x01, 0x0d, 0xb8, [15] = 1},
	    .port = 25},
	NULL},
    {"[ipv6:::ffff:1.2.3.4]", "[IPv6:::ffff:1.2.3.4]",
	{.protocol = NEXTHOP_SMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 6,
	    .address = {[10] = 0xff, [11] = 0xff, [12] = 1, [13] = 2, [14] = 3, [15] = 4},
	    .port = 25},
	NULL},
    {"smtp:example.org:587", "smtp:example.org:587",
	{.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_DOMAIN, .port = 587}, "example.org"},
    {"SMTP:Example.org:25", "example.org",
	{.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_DOMAIN, .port = 25}, "Example.org"},
    {"smtp:[mx.Example.org]", "smtp:[mx.example.org]",
	{.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_HOST, .port = 25}, "mx.Example.org"},
    {"smtp:[mx]:65535", "smtp:[mx]:65535",
	{.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_HOST, .port = 65535}, "mx"},
    {"smtp:[192.0.2.1]:2525", "smtp:[192.0.2.1]:2525",
	{.protocol = NEXTHOP_SMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 4,
	    .address = {192, 0, 2, 1},
	    .port = 2525},
	NULL},
    {"smtp:[::1]:25", "[IPv6:::1]",
	{.protocol = NEXTHOP_SMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 6,
	    .address = {[15] = 1},
	    .port = 25},
	NULL},
    {"lmtp:[localhost]:24", "lmtp:[localhost]",
	{.protocol = NEXTHOP_LMTP, .kind = NEXTHOP_HOST, .port = 24}, "localhost"},
    {"lmtp:[127.0.0.1]:2400", "lmtp:[127.0.0.1]:2400",
	{.protocol = NEXTHOP_LMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 4,
	    .address = {127, 0, 0, 1},
	    .port = 2400},
	NULL},
    {"lmtp:[127.0.0.1]:25", "lmtp:[127.0.0.1]:25",
	{.protocol = NEXTHOP_LMTP,
	    .kind = NEXTHOP_ADDRESS,
	    .family = 4,
	    .address = {127, 0, 0, 1},
	    .port = 25},
	NULL},
    {"lmtp:Dovecot", "lmtp:Dovecot", {.protocol = NEXTHOP_LMTP, .kind = NEXTHOP_SOCKET}, "Dovecot"},
    {"relay:my_provider.2", "relay:my_provider.2",
	{.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_RELAY}, "my_provider.2"},
    {LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63,
	LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63,
	{.protocol = NEXTHOP_SMTP, .kind = NEXTHOP_DOMAIN, .port = 25},
	LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63},
};
enum { GOOD = sizeof(good) / sizeof(good[0]) };

static void check_is(const struct nexthop *n, size_t row)
{
	const struct nexthop *is = &good[row].is;
	ck_assert_msg(n->protocol == is->protocol && n->kind == is->kind && n->port == is->port &&
			  n->family == is->family,
	    "row %zu", row);
	ck_assert_msg(str_eq(n->name, str_from_cstr(good[row].name)), "row %zu", row);
	ck_assert_mem_eq(n->address, is->address, 16);
}

START_TEST(every_form_is_read)
{
	for (size_t i = 0; i < GOOD; i++) {
		struct nexthop n;
		struct str in = unit_copy(str_from_cstr(good[i].text));
		ck_assert_msg(nexthop_parse(in, &n), "row %zu", i);
		check_is(&n, i);
		unit_free(in);
	}
}
END_TEST

START_TEST(each_has_one_text)
{
	for (size_t i = 0; i < GOOD; i++) {
		char out[NEXTHOP_TEXT_SIZE], again[NEXTHOP_TEXT_SIZE];
		struct str canonical, same;
		ck_assert(nexthop_canonical(str_from_cstr(good[i].text), out, &canonical));
		ck_assert_str_eq(out, good[i].canonical);
		ck_assert_uint_eq(canonical.n, strlen(out));
		ck_assert(nexthop_canonical(canonical, again, &same));
		ck_assert_str_eq(out, again);
	}
}
END_TEST

/* A prefix is refused, or a nexthop that says what it says. */
START_TEST(every_prefix_is_read_or_refused)
{
	for (size_t i = 0; i < GOOD; i++) {
		struct str whole = str_from_cstr(good[i].text);
		for (size_t cut = 0; cut < whole.n; cut++) {
			struct nexthop n;
			char out[NEXTHOP_TEXT_SIZE];
			struct str in = unit_copy(str_head(whole, cut));
			bool ok = nexthop_parse(in, &n);
			ck_assert(!ok || nexthop_format(&n, out).n > 0);
			ck_assert(!ok || str_find(in, '[') == in.n || str_find(in, ']') < in.n);
			ck_assert(!ok || in.p[in.n - 1] != ':');
			unit_free(in);
		}
	}
}
END_TEST

static const struct str refused[] = {
    STR(""),
    STR("."),
    STR("example.org."),
    STR(".example.org"),
    STR("a..b"),
    STR("-a.example"),
    STR("a-.example"),
    STR("a_b.example"),
    STR("a b"),
    STR("a\0b"),
    STR("exam\xc3\xa4ple.org"),
    STR("a" LABEL_63 ".example"),
    STR(LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63 ".a"),
    STR("example.org:25"),
    STR("[mx.example.org]"),
    STR("[192.0.2.1]:25"),
    STR("[192.0.2.256]"),
    STR("[192.0.2.01]"),
    STR("[192.0.2.1\0]"),
    STR("[IPv6:192.0.2.1]"),
    STR("[tag:x]"),
    STR("[]"),
    STR("["),
    STR("]"),
    STR("192.0.2.1]"),
    STR("smtp:"),
    STR("smtp:[]"),
    STR("smtp:["),
    STR("smtp:[192.0.2.256]"),
    STR("smtp:[a.9]"),
    STR("smtp:[a]b"),
    STR("smtp:[a]25"),
    STR("smtp:[a]:"),
    STR("smtp:[a]:0"),
    STR("smtp:[a]:65536"),
    STR("smtp:[a]:25x"),
    STR("smtp:a:"),
    STR("smtp:a:b:25"),
    STR("smtp::25"),
    STR("lmtp:"),
    STR("lmtp:a:24"),
    STR("lmtp:/run/lmtp"),
    STR("lmtp:[]"),
    STR("relay:"),
    STR("relay:[a]"),
    STR("relay:a:b"),
    STR("relay:a1234567890123456789012345678901234567890"),
    STR("http:example.org"),
    STR("error 5.1.1 no"),
};

START_TEST(other_text_is_refused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct nexthop n;
		struct str in = unit_copy(refused[i]);
		ck_assert_msg(!nexthop_parse(in, &n), "row %zu", i);
		unit_free(in);
	}
}
END_TEST

UNIT_MAIN("nexthop", every_form_is_read, each_has_one_text, every_prefix_is_read_or_refused,
    other_text_is_refused)
