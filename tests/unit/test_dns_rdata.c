/* SPDX-License-Identifier: ISC
 *
 * Names out of DNS messages, and one record's data of each type: cut at each octet, and with
 * one too many.
 */
#include "resolver/rdata.h"
#include "resolver/question.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static struct packet packet_of(struct str s)
{
	return (struct packet){.p = (const uint8_t *)s.p, .end = s.n};
}

static struct pool *pool;

/* Each decoder in one shape: true, and what it found as text. */
static bool decode(uint16_t type, struct str in, char *out, size_t room)
{
	struct packet_name name;
	struct str text = {NULL, 0};
	char host[DNS_NAME_MAX];
	struct tlsa tlsa;
	uint16_t preference;
	uint32_t seconds;
	switch (type) {
	case RR_MX:
		if (!rdata_get_mx(packet_of(in), &preference, &name) ||
		    (!packet_name_to_host(&name, host, &text) && !packet_name_is_root(&name)))
			return false;
		snprintf(out, room, "%u %.*s", preference, STR_ARG(text));
		return true;
	case RR_PTR:
		if (!rdata_get_name(packet_of(in), &name) ||
		    !packet_name_to_host(&name, host, &text))
			return false;
		break;
	case RR_A:
	case RR_AAAA:
		if (!rdata_get_address(packet_of(in), type == RR_A ? 4 : 16, &text))
			return false;
		break;
	case RR_TLSA:
		if (!rdata_get_tlsa(packet_of(in), &tlsa))
			return false;
		snprintf(out, room, "%u %u %u %.*s", tlsa.usage, tlsa.selector, tlsa.matching,
		    STR_ARG(tlsa.data));
		return true;
	case RR_TXT:
		if (!rdata_get_txt(packet_of(in), pool, &text))
			return false;
		break;
	default:
		if (!rdata_get_soa_minimum(packet_of(in), &seconds))
			return false;
		snprintf(out, room, "%u", seconds);
		return true;
	}
	snprintf(out, room, "%.*s", STR_ARG(text));
	return true;
}

static const struct {
	uint16_t type;
	struct str rdata;
	const char *text;
	size_t whole_from; /* shorter ones than the whole that are whole, too */
} rows[] = {
    {RR_MX, STR("\0\012\003mx1\007Example\0"), "10 mx1.example", 0},
    {RR_MX, STR("\0\0\0"), "0 ", 0},
    {RR_PTR, STR("\001a\001B\0"), "a.b", 0},
    {RR_A, STR("abcd"), "abcd", 0},
    {RR_AAAA, STR("abcdefghijklmnop"), "abcdefghijklmnop", 0},
    {RR_TLSA, STR("\003\001\001xyz"), "3 1 1 xyz", 4},
    {RR_TXT, STR("\006abcdef"), "abcdef", 0},
    {RR_SOA, STR("\001a\0\001b\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5"), "5", 0},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

START_TEST(each_type_takes_all_of_it_or_nothing)
{
	char out[300];
	pool = pool_new(100000);
	for (size_t i = 0; i < ROWS; i++) {
		struct str whole = unit_copy(rows[i].rdata);
		ck_assert(decode(rows[i].type, whole, out, sizeof(out)));
		ck_assert_str_eq(out, rows[i].text);
		unit_free(whole);
		for (size_t n = 0; n < rows[i].rdata.n; n++) {
			struct str cut = unit_copy(str_head(rows[i].rdata, n));
			bool good = rows[i].whole_from > 0 && n >= rows[i].whole_from;
			ck_assert_int_eq(decode(rows[i].type, cut, out, sizeof(out)), good);
			unit_free(cut);
		}
	}
	pool_free(pool);
}
END_TEST

START_TEST(octets_left_over)
{
	char out[300], longer[300];
	pool = pool_new(100000);
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].whole_from > 0)
			continue;
		memcpy(longer, rows[i].rdata.p, rows[i].rdata.n);
		longer[rows[i].rdata.n] = rows[i].type == RR_TXT ? 1 : 0;
		struct str in = unit_copy(str_from(longer, rows[i].rdata.n + 1));
		ck_assert(!decode(rows[i].type, in, out, sizeof(out)));
		unit_free(in);
	}
	pool_free(pool);
}
END_TEST

START_TEST(texts)
{
	static char many[TLSA_DATA_MAX + 10];
	char out[300];
	pool = pool_new(100000);
	ck_assert(decode(RR_TXT, STR("\0"), out, sizeof(out)));
	ck_assert_str_eq(out, "");
	ck_assert(decode(RR_TXT, STR("\1a\0\2bc"), out, sizeof(out)));
	ck_assert_str_eq(out, "abc");
	struct tlsa tlsa;
	ck_assert(rdata_get_tlsa(packet_of(str_from(many, 3 + TLSA_DATA_MAX)), &tlsa));
	ck_assert(!rdata_get_tlsa(packet_of(str_from(many, 4 + TLSA_DATA_MAX)), &tlsa));
	pool_free(pool);
}
END_TEST

/* --- Names --- */

/* The name at `at` of the message, as text; "!" when there is none. */
static const char *name_at(struct str message, size_t at, size_t *after)
{
	static char text[DNS_NAME_MAX + 1];
	struct packet k = packet_of(message);
	struct packet_name name;
	struct str host;
	k.at = at;
	if (!packet_get_name(&k, &name))
		return "!";
	*after = k.at;
	ck_assert_uint_le(name.n, DNS_WIRE_NAME_MAX);
	if (packet_name_is_root(&name))
		return "";
	if (!packet_name_to_host(&name, text, &host))
		return "?";
	text[host.n] = '\0';
	return text;
}

START_TEST(pointers)
{
	static const struct {
		struct str message;
		size_t at;
		const char *name;
		size_t after;
	} cases[] = {
	    {STR("\1a\0\1b\xc0\0"), 3, "b.a", 7},
	    {STR("\1a\0\1b\xc0\0x"), 3, "b.a", 7},
	    {STR("\1a\0\xc0\0"), 3, "a", 5},
	    {STR("\1a\0\1b\xc0\0\1c\xc0\3"), 7, "c.b.a", 11},
	    {STR("\0"), 0, "", 1},
	    {STR("\1A\0"), 0, "a", 3},
	    {STR("\1\xe4\0"), 0, "?", 3},
	    {STR("\3a.b\0"), 0, "?", 5},
	    {STR("\1*\0"), 0, "?", 3},
	    {STR("\2-a\0"), 0, "?", 4},
	    {STR("\xc0\0"), 0, "!", 0},	   /* to itself */
	    {STR("\1a\xc0\0"), 0, "!", 0}, /* to its own start */
	    {STR("\1a\0\1b\xc0\3"), 3, "!", 0},
	    {STR("\1a\xc0\4\1b\xc0\0"), 4, "!", 0}, /* two that turn in a circle */
	    {STR("\1a\0\1b\xc0\xff"), 3, "!", 0},   /* forward, past the end */
	    {STR("\1a\0\xc0"), 3, "!", 0},
	    {STR("\2a\0\xc0\0"), 3, "!", 0}, /* runs into where it came from */
	    {STR("\x40"
		 "a\0"),
		0, "!", 0}, /* label kinds that do not exist */
	    {STR("\x80"
		 "a\0"),
		0, "!", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t after = 0;
		struct str message = unit_copy(cases[i].message);
		ck_assert_str_eq(name_at(message, cases[i].at, &after), cases[i].name);
		ck_assert_uint_eq(after, cases[i].after);
		unit_free(message);
	}
}
END_TEST

/* Each name points to the one before: as long a chain of pointers as fits a name. */
START_TEST(longest_names)
{
	char message[1024];
	size_t n = 0, after;
	message[n++] = 0;
	for (size_t i = 0; i < 127; i++) {
		size_t before = i == 0 ? 0 : n - 4;
		message[n++] = 1;
		message[n++] = 'a';
		message[n++] = (char)(0xc0 | before >> 8);
		message[n++] = (char)before;
	}
	ck_assert_uint_eq(strlen(name_at(str_from(message, n), n - 4, &after)), DNS_NAME_MAX);
	message[n++] = 1;
	message[n++] = 'a';
	message[n] = (char)(0xc0 | (n - 6) >> 8);
	message[n + 1] = (char)(n - 6);
	n += 2;
	ck_assert_str_eq(name_at(str_from(message, n), n - 4, &after), "!");
}
END_TEST

START_TEST(host_names)
{
	char label64[65], text[DNS_NAME_MAX + 10], out[DNS_NAME_MAX];
	struct str canonical;
	static const char *const good[] = {
	    "a", "a.b", "1.2.3.4", "_25._tcp.mx.example", "xn--a", "a-b.c--d", "a_b"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "A.b",
	    "a b", "a\n", "a/b", "\xe4.b", "a@b"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(dns_name_is_host(str_from_cstr(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!dns_name_is_host(str_from_cstr(bad[i])), "%s", bad[i]);
	memset(label64, 'a', sizeof(label64));
	ck_assert(dns_name_is_host(str_from(label64, 63)));
	ck_assert(!dns_name_is_host(str_from(label64, 64)));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'a' : '.';
	ck_assert(dns_name_is_host(str_from(text, 253)));
	ck_assert(!dns_name_is_host(str_from(text, 255)));
	ck_assert(dns_name_canonical(STR("Mx.EXAMPLE."), out, &canonical));
	ck_assert_str(canonical, STR("mx.example"));
	ck_assert(!dns_name_canonical(STR("mx.example.."), out, &canonical));
	ck_assert(!dns_name_canonical(STR("."), out, &canonical));
	ck_assert(dns_name_canonical(str_from(text, 254), out, &canonical)); /* with the last dot */
	ck_assert(!dns_name_canonical(str_from(text, 255), out, &canonical));
	ck_assert(dns_name_is_numeric(STR("1.2.3.4")) && dns_name_is_numeric(STR("7")));
	ck_assert(dns_name_is_numeric(STR("a.7")) && !dns_name_is_numeric(STR("7.a")));
	ck_assert(!dns_name_is_numeric(STR("")) && !dns_name_is_numeric(STR("7a")));
}
END_TEST

START_TEST(questions)
{
	char longest[DNS_NAME_MAX];
	struct question q;
	struct packet_name name, same;
	char out[DNS_NAME_MAX];
	struct str text;
	ck_assert(question_tlsa(65535, STR("mx.example"), &q));
	ck_assert_str_eq(q.name, "_65535._tcp.mx.example");
	ck_assert(question_address(6, STR("mx.example"), &q) && q.type == RR_AAAA);
	ck_assert(!question_address(5, STR("mx.example"), &q));
	ck_assert(!question_host(RR_MX, STR("Mx.example"), &q));
	ck_assert(!question_host(RR_MX, STR("mx\0.example"), &q));
	ck_assert(question_ptr(STR("\300\0\2\1"), &q));
	ck_assert_str_eq(q.name, "1.2.0.192.in-addr.arpa");
	ck_assert(question_ptr(STR("\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\xf1"), &q));
	ck_assert_str_eq(
	    q.name, "1.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
	ck_assert_uint_eq(q.n, strlen(q.name));
	ck_assert(!question_ptr(STR("abc"), &q) && !question_ptr(STR(""), &q));
	for (size_t i = 0; i < sizeof(longest); i++)
		longest[i] = i % 2 == 0 ? 'a' : '.';
	ck_assert(question_host(RR_MX, str_from(longest, sizeof(longest)), &q));
	ck_assert(!question_tlsa(25, str_from(longest, sizeof(longest)), &q));
	ck_assert(!question_tlsa(25, str_from(longest, 245), &q)); /* "_25._tcp." has 9 */
	ck_assert(question_tlsa(25, str_from(longest, 243), &q));
	ck_assert(!question_tlsa(25, STR("a..b"), &q));
	packet_name_from_host(question_name(&q), &name);
	ck_assert_uint_eq(name.n, q.n + 2);
	ck_assert(packet_name_to_host(&name, out, &text));
	ck_assert_str(text, question_name(&q));
	packet_name_from_host(text, &same);
	ck_assert(packet_name_eq(&name, &same));
}
END_TEST

UNIT_MAIN("dns rdata", each_type_takes_all_of_it_or_nothing, octets_left_over, texts, pointers,
    longest_names, host_names, questions)
