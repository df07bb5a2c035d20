/* SPDX-License-Identifier: ISC
 *
 * Whole answers: what state each comes to, and that no damaged one is ever taken for "nothing".
 */
#include "resolver/answer.h"
#include "tests/unit/dns-packet.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static struct pool *pool;
static struct buf packet = BUF_INIT(65536);
static struct question mx, a, tlsa, txt, ptr;

static void set_up(void)
{
	pool = pool_new(ANSWER_POOL_MAX);
	ck_assert(question_host(RR_MX, STR("d.example"), &mx));
	ck_assert(question_host(RR_A, STR("d.example"), &a));
	ck_assert(question_tlsa(25, STR("d.example"), &tlsa));
	ck_assert(question_host(RR_TXT, STR("d.example"), &txt));
	ck_assert(question_ptr(STR("\1\2\3\4"), &ptr));
}

static struct answer parse_as(const struct question *q, enum answer_security security)
{
	struct answer out;
	const struct answer_input in = {.packet = buf_str(&packet), .security = security};
	pool_reset(pool);
	answer_parse(q, &in, pool, &out);
	ck_assert(out.state != DNS_OK || (out.count > 0 && out.why.n == 0));
	ck_assert(out.state == DNS_OK || (out.count == 0 && out.why.n > 0));
	return out;
}

static struct answer parse(const struct question *q)
{
	return parse_as(q, ANSWER_INSECURE);
}

START_TEST(exchangers_by_preference)
{
	set_up();
	dns_begin(&packet, "D.example", RR_MX, 0);
	dns_put_mx(&packet, "@", 20, "mx2.d.example");
	dns_put_mx(&packet, "d.EXAMPLE", 10, "MX1.d.example");
	dns_put_mx(&packet, "other.example", 1, "mx9.d.example");
	dns_put_mx(&packet, "@", 20, "@");
	struct answer out = parse_as(&mx, ANSWER_SECURE);
	ck_assert_int_eq(out.state, DNS_OK);
	ck_assert(out.secure);
	ck_assert_uint_eq(out.ttl, 300);
	ck_assert_uint_eq(out.count, 3);
	ck_assert_uint_eq(out.hosts[0].preference, 10);
	ck_assert_str(out.hosts[0].host, STR("mx1.d.example"));
	ck_assert_str(out.hosts[1].host, STR("mx2.d.example"));
	ck_assert_str(out.hosts[2].host, STR("d.example"));
	ck_assert_str(out.canonical, STR("d.example"));
	ck_assert(!parse(&mx).secure);
}
END_TEST

START_TEST(too_many_exchangers)
{
	char host[32];
	set_up();
	dns_begin(&packet, "d.example", RR_MX, 0);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(host, sizeof(host), "mx%u.d.example", i);
		dns_put_mx(&packet, "@", (uint16_t)(300 - i), host);
	}
	struct answer out = parse(&mx);
	ck_assert_uint_eq(out.count, MX_HOSTS_MAX);
	for (unsigned i = 0; i < MX_HOSTS_MAX; i++)
		ck_assert_uint_eq(out.hosts[i].preference, i + 1);
	ck_assert_str(out.hosts[0].host, STR("mx299.d.example"));
}
END_TEST

START_TEST(null_mx)
{
	set_up();
	dns_begin(&packet, "d.example", RR_MX, 0);
	dns_put_mx(&packet, "@", 0, "");
	struct answer out = parse(&mx);
	ck_assert_int_eq(out.state, DNS_OK);
	ck_assert(out.count == 1 && out.hosts[0].host.n == 0);
	dns_put_mx(&packet, "@", 10, "mx.example");
	out = parse(&mx);
	ck_assert(out.count == 1 && out.hosts[0].preference == 10);
	dns_begin(&packet, "d.example", RR_MX, 0);
	dns_put_mx(&packet, "@", 0, "");
	dns_put_mx(&packet, "@", 1, "");
	ck_assert_int_eq(parse(&mx).state, DNS_TEMPORARY);
	dns_begin(&packet, "d.example", RR_MX, 0);
	dns_put_mx(&packet, "@", 0, "");
	dns_put_mx(&packet, "@", 1, "192.0.2.1");
	ck_assert_int_eq(parse(&mx).state, DNS_TEMPORARY);
}
END_TEST

/* Having only useless ones is not the same as having none. */
START_TEST(useless_exchangers)
{
	static const char *const useless[] = {
	    "192.0.2.1", "mx.7", "a b.example", "*.example", "-.x"};
	set_up();
	dns_begin(&packet, "d.example", RR_MX, 0);
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		dns_put_mx(&packet, "@", 5, useless[i]);
		ck_assert_int_eq(parse(&mx).state, DNS_TEMPORARY);
	}
	dns_put_mx(&packet, "@", 7, "mx.example");
	ck_assert_uint_eq(parse(&mx).count, 1);
}
END_TEST

START_TEST(aliases)
{
	set_up();
	dns_begin(&packet, "d.example", RR_A, 0);
	dns_put_record(&packet, DNS_ANSWERS, "c2.example", RR_A, 900, "abcd", 4);
	dns_put_alias(&packet, "c1.example", RR_CNAME, "c2.example");
	dns_put_alias(&packet, "@", RR_CNAME, "C1.example");
	struct answer out = parse(&a);
	ck_assert_int_eq(out.state, DNS_OK);
	ck_assert_str(out.canonical, STR("c2.example"));
	ck_assert_str(out.addresses[0].octets, STR("abcd"));
	ck_assert_uint_eq(out.ttl, 200);
	dns_begin(&packet, "d.example", RR_A, 3);
	dns_put_alias(&packet, "@", RR_CNAME, "c1.example");
	dns_put_soa(&packet, "example", 5000, 4000);
	out = parse(&a);
	ck_assert_int_eq(out.state, DNS_NO_NAME);
	ck_assert_str(out.canonical, STR("c1.example"));
	ck_assert_uint_eq(out.ttl, 200);
	dns_begin(&packet, "d.example", RR_A, 0);
	dns_put_alias(&packet, "@", RR_CNAME, "no host");
	ck_assert_int_eq(parse(&a).state, DNS_TEMPORARY);
	dns_begin(&packet, "d.example", RR_A, 0);
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_CNAME, 1, "\1ab", 3);
	ck_assert_int_eq(parse(&a).state, DNS_TEMPORARY);
}
END_TEST

static void put_chain(unsigned n)
{
	char from[32] = "@", to[32];
	dns_begin(&packet, "d.example", RR_A, 0);
	for (unsigned i = 0; i < n; i++) {
		snprintf(to, sizeof(to), "c%u.example", i);
		dns_put_alias(&packet, from, RR_CNAME, to);
		snprintf(from, sizeof(from), "%s", to);
	}
	dns_put_record(&packet, DNS_ANSWERS, from, RR_A, 900, "abcd", 4);
}

START_TEST(chains_and_loops)
{
	set_up();
	put_chain(ANSWER_CHAIN_MAX);
	ck_assert_int_eq(parse(&a).state, DNS_OK);
	put_chain(ANSWER_CHAIN_MAX + 1);
	ck_assert_int_eq(parse(&a).state, DNS_TEMPORARY);
	dns_begin(&packet, "d.example", RR_A, 0);
	dns_put_alias(&packet, "@", RR_CNAME, "c.example");
	dns_put_alias(&packet, "c.example", RR_CNAME, "@");
	ck_assert_int_eq(parse(&a).state, DNS_TEMPORARY);
	dns_begin(&packet, "d.example", RR_A, 0);
	dns_put_alias(&packet, "@", RR_CNAME, "@");
	ck_assert_int_eq(parse(&a).state, DNS_TEMPORARY);
}
END_TEST

START_TEST(nothing)
{
	set_up();
	dns_begin(&packet, "d.example", RR_MX, 3);
	dns_put_soa(&packet, "example", 500, 400);
	struct answer out = parse_as(&mx, ANSWER_SECURE);
	ck_assert_int_eq(out.state, DNS_NO_NAME);
	ck_assert(out.secure);
	ck_assert_uint_eq(out.ttl, 400);
	dns_begin(&packet, "d.example", RR_MX, 0);
	dns_put_soa(&packet, "example", 500, 1 << 30);
	ck_assert_int_eq(parse(&mx).state, DNS_NO_DATA);
	ck_assert_uint_eq(parse(&mx).ttl, 500);
	dns_begin(&packet, "d.example", RR_MX, 0);
	dns_put_soa(&packet, "example", 1 << 30, 1 << 30);
	ck_assert_uint_eq(parse(&mx).ttl, ANSWER_NEGATIVE_TTL_MAX);
	dns_begin(&packet, "d.example", RR_MX, 0);
	ck_assert_uint_eq(parse(&mx).ttl, ANSWER_NEGATIVE_TTL);
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_A, 900, "abcd", 4);
	ck_assert_int_eq(parse(&mx).state, DNS_NO_DATA);
}
END_TEST

/* Neither an error nor a contradiction is ever "nothing". */
START_TEST(errors_are_temporary)
{
	set_up();
	for (unsigned rcode = 0; rcode < 16; rcode++) {
		dns_begin(&packet, "d.example", RR_MX, rcode);
		struct answer out = parse(&mx);
		ck_assert_int_eq(out.state, rcode == 0	 ? DNS_NO_DATA
					    : rcode == 3 ? DNS_NO_NAME
							 : DNS_TEMPORARY);
		struct answer_input in = {.rcode = rcode, .packet = buf_str(&packet)};
		dns_begin(&packet, "d.example", RR_MX, 3);
		answer_parse(&mx, &in, pool, &out);
		ck_assert_int_eq(out.state, rcode == 0 ? DNS_NO_NAME : DNS_TEMPORARY);
		in.packet = (struct str){NULL, 0};
		answer_parse(&mx, &in, pool, &out);
		ck_assert_int_eq(out.state, DNS_TEMPORARY);
	}
	dns_begin(&packet, "d.example", RR_MX, 5);
	ck_assert(str_has_prefix(parse(&mx).why, STR("REFUSED")));
	dns_begin(&packet, "d.example", RR_MX, 2);
	ck_assert(str_has_prefix(parse(&mx).why, STR("SERVFAIL")));
	dns_begin(&packet, "d.example", RR_MX, 3);
	dns_put_mx(&packet, "@", 1, "mx.example");
	ck_assert_int_eq(parse(&mx).state, DNS_TEMPORARY);
}
END_TEST

START_TEST(not_an_answer_to_this)
{
	set_up();
	const struct {
		size_t octet;
		uint8_t value;
	} faults[] = {
	    {2, 0x01},					     /* a question, no answer */
	    {2, 0x83},					     /* truncated */
	    {2, 0x89},					     /* another opcode */
	    {5, 0}, {5, 2}, {4, 1}, {7, 2}, {9, 1}, {11, 1}, /* more records than there are */
	    {13, 'e'},					     /* another name */
	    {24, RR_A},					     /* another type */
	    {26, 3},					     /* another class */
	};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		dns_begin(&packet, "d.example", RR_MX, 3);
		dns_put_alias(&packet, "@", RR_CNAME, "e.example");
		ck_assert_int_eq(parse(&mx).state, DNS_NO_NAME);
		buf_data(&packet)[faults[i].octet] = faults[i].value;
		ck_assert_int_eq(parse(&mx).state, DNS_TEMPORARY);
	}
}
END_TEST

START_TEST(bogus)
{
	struct answer out;
	set_up();
	dns_begin(&packet, "d.example", RR_MX, 3);
	struct answer_input in = {
	    .packet = buf_str(&packet), .security = ANSWER_BOGUS, .why_bogus = "no\nkey\xff"};
	for (in.rcode = 0; in.rcode < 16; in.rcode++) {
		answer_parse(&mx, &in, pool, &out);
		ck_assert_int_eq(out.state, DNS_BOGUS);
		ck_assert_str(out.why, STR("no?key?"));
		ck_assert(!out.secure && out.count == 0);
	}
	in.why_bogus = NULL;
	answer_parse(&mx, &in, pool, &out);
	ck_assert_int_eq(out.state, DNS_BOGUS);
	ck_assert(out.why.n > 0);
}
END_TEST

START_TEST(tlsa_records)
{
	set_up();
	dns_begin(&packet, tlsa.name, RR_TLSA, 0);
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_TLSA, 90000, "\3\1\1xyz", 6);
	struct answer out = parse_as(&tlsa, ANSWER_SECURE);
	ck_assert(out.state == DNS_OK && out.count == 1 && out.tlsa[0].usage == 3);
	ck_assert_uint_eq(out.ttl, ANSWER_TTL_MAX);
	out = parse(&tlsa);
	ck_assert(out.state == DNS_NO_DATA && !out.secure);
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_TLSA, 900, "\3\1\1", 3);
	ck_assert_int_eq(parse_as(&tlsa, ANSWER_SECURE).state, DNS_TEMPORARY);
	ck_assert_int_eq(parse(&tlsa).state, DNS_TEMPORARY);
	dns_begin(&packet, tlsa.name, RR_TLSA, 0);
	for (int i = 0; i < 30; i++)
		dns_put_record(&packet, DNS_ANSWERS, "@", RR_TLSA, 900, "\3\1\1xyz", 6);
	ck_assert_uint_eq(parse_as(&tlsa, ANSWER_SECURE).count, TLSA_MAX);
}
END_TEST

START_TEST(texts)
{
	static char long_text[(TXT_MAX / 255 + 2) * 256];
	set_up();
	memset(long_text, 255, sizeof(long_text));
	dns_begin(&packet, "d.example", RR_TXT, 0);
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_TXT, 10, long_text, sizeof(long_text));
	ck_assert_int_eq(parse(&txt).state, DNS_TEMPORARY);
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_TXT, 10, "\1a\2bc", 5);
	struct answer out = parse(&txt);
	ck_assert(out.state == DNS_OK && out.count == 1);
	ck_assert_str(out.texts[0].text, STR("abc"));
	dns_put_record(&packet, DNS_ANSWERS, "@", RR_TXT, 10, "\1a\2b", 4);
	ck_assert_int_eq(parse(&txt).state, DNS_TEMPORARY);
}
END_TEST

START_TEST(names_of_an_address)
{
	set_up();
	dns_begin(&packet, ptr.name, RR_PTR, 0);
	dns_put_alias(&packet, "@", RR_CNAME, "4.0/25.3.2.1.in-addr.arpa"); /* RFC 2317 */
	dns_put_alias(&packet, "4.0/25.3.2.1.in-addr.arpa", RR_PTR, "no host");
	dns_put_alias(&packet, "4.0/25.3.2.1.in-addr.arpa", RR_PTR, "Host.example");
	struct answer out = parse(&ptr);
	ck_assert(out.state == DNS_OK && out.count == 1);
	ck_assert_str(out.names[0].name, STR("host.example"));
}
END_TEST

/* Cut anywhere, and with an octet more, it is malformed. */
START_TEST(every_prefix)
{
	struct answer out;
	const struct question *const questions[] = {&mx, &a, &txt};
	set_up();
	for (size_t i = 0; i < 3; i++) {
		dns_begin(&packet, "d.example", questions[i]->type, 0);
		dns_put_alias(&packet, "@", RR_CNAME, "e.example");
		dns_put_mx(&packet, "e.example", 1, "mx.example");
		dns_put_record(&packet, DNS_ANSWERS, "e.example", RR_A, 900, "abcd", 4);
		dns_put_record(&packet, DNS_ANSWERS, "e.example", RR_TXT, 900, "\1a", 2);
		dns_put_soa(&packet, "example", 500, 400);
		dns_put_record(&packet, DNS_ADDITIONALS, "", 41, 0, "", 0);
		ck_assert_int_eq(parse(questions[i]).state, DNS_OK);
		for (size_t n = 0; n < buf_len(&packet); n++) {
			struct str cut = unit_copy(str_head(buf_str(&packet), n));
			pool_reset(pool);
			answer_parse(
			    questions[i], &(struct answer_input){.packet = cut}, pool, &out);
			ck_assert_int_eq(out.state, DNS_TEMPORARY);
			unit_free(cut);
		}
		buf_append_u8(&packet, 0);
		ck_assert_int_eq(parse(questions[i]).state, DNS_TEMPORARY);
	}
}
END_TEST

UNIT_MAIN("dns answers", exchangers_by_preference, too_many_exchangers, null_mx, useless_exchangers,
    aliases, chains_and_loops, nothing, errors_are_temporary, not_an_answer_to_this, bogus,
    tlsa_records, texts, names_of_an_address, every_prefix)
