/* SPDX-License-Identifier: ISC
 *
 * What deliver-remote decides without any I/O: the order of hosts and addresses, what is
 * remembered of dead ones, what TLS must be, and the words of it all.
 */
#include "deliver-remote/addresses.h"
#include "deliver-remote/candidates.h"
#include "deliver-remote/dead.h"
#include "deliver-remote/fault.h"
#include "deliver-remote/text.h"
#include "deliver-remote/tls-policy.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- candidates ------------------------------------------------------------------- */

struct mx_row {
	const char *what;
	enum dns_state state;
	struct {
		uint16_t preference;
		const char *host;
	} hosts[5];
	enum candidates_verdict verdict;
	const char *order[5];
	const char *status;
};

static const struct mx_row mx_rows[] = {
    {"by preference", DNS_OK, {{20, "b.example"}, {10, "a.example"}, {30, "c.example"}},
	CANDIDATES_FOUND, {"a.example", "b.example", "c.example"}, ""},
    {"before us", DNS_OK, {{10, "a.example"}, {20, "us.example"}, {30, "c.example"}},
	CANDIDATES_FOUND, {"a.example"}, ""},
    {"not our equals", DNS_OK, {{10, "a.example"}, {20, "us.example"}, {20, "b.example"}},
	CANDIDATES_FOUND, {"a.example"}, ""},
    {"us by the other name", DNS_OK, {{10, "a.example"}, {20, "HELO.example"}, {30, "c.example"}},
	CANDIDATES_FOUND, {"a.example"}, ""},
    {"we are the best", DNS_OK, {{10, "us.example"}, {20, "b.example"}}, CANDIDATES_FAILED, {NULL},
	"5.4.6"},
    {"null MX", DNS_OK, {{0, ""}}, CANDIDATES_FAILED, {NULL}, "5.1.10"},
    {"null MX beside another", DNS_OK, {{0, ""}, {10, "a.example"}}, CANDIDATES_FOUND,
	{"a.example"}, ""},
    {"an address is no name", DNS_OK, {{10, "192.0.2.1"}, {20, "a.example"}}, CANDIDATES_FOUND,
	{"a.example"}, ""},
    {"nothing but nonsense", DNS_OK, {{10, "192.0.2.1"}, {20, "-a"}, {20, "a b"}},
	CANDIDATES_FAILED, {NULL}, "5.4.4"},
    {"an empty list", DNS_OK, {{0, NULL}}, CANDIDATES_FAILED, {NULL}, "5.4.4"},
    {"no MX", DNS_NO_DATA, {{0, NULL}}, CANDIDATES_FOUND, {"far.example"}, ""},
    {"no name", DNS_NO_NAME, {{0, NULL}}, CANDIDATES_FAILED, {NULL}, "5.1.2"},
    {"no answer", DNS_TEMPORARY, {{0, NULL}}, CANDIDATES_DEFERRED, {NULL}, "4.4.3"},
    {"bogus", DNS_BOGUS, {{0, NULL}}, CANDIDATES_DEFERRED, {NULL}, "4.7.5"},
};

static const struct candidates_self self = {
    {"us.example", sizeof("us.example") - 1}, {"helo.example", sizeof("helo.example") - 1}};

START_TEST(hosts_in_order)
{
	const struct mx_row *row = &mx_rows[_i];
	struct mx_host hosts[5];
	struct msg_mx_answer mx = {.state = (uint8_t)row->state, .hosts = hosts};
	struct candidates c;
	struct pool *pool = pool_new(65536);
	for (size_t i = 0; i < 5 && row->hosts[i].host != NULL; i++)
		hosts[mx.hosts_count++] =
		    (struct mx_host){row->hosts[i].preference, str_from_cstr(row->hosts[i].host)};
	candidates_from_mx(&c, pool, STR("far.example"), &mx, &self, 42);
	ck_assert_msg(c.verdict == row->verdict, "%s: verdict %u", row->what, c.verdict);
	size_t n = 0;
	for (; n < 5 && row->order[n] != NULL; n++) {
		ck_assert_msg(n < c.count, "%s: only %zu", row->what, c.count);
		ck_assert_str_eq(c.list[n].host, row->order[n]);
	}
	ck_assert_uint_eq(c.count, n);
	if (c.verdict != CANDIDATES_FOUND) {
		ck_assert_str(c.status, str_from_cstr(row->status));
		ck_assert_uint_gt(c.text.n, 0);
	}
	pool_free(pool);
}
END_TEST

/* RFC 5321 §5.1: equals share the load. */
START_TEST(equals_by_chance)
{
	struct mx_host hosts[3] = {
	    {10, STR("a.example")}, {10, STR("b.example")}, {10, STR("c.example")}};
	const struct msg_mx_answer mx = {.state = DNS_OK, .hosts = hosts, .hosts_count = 3};
	unsigned first[3] = {0};
	for (uint64_t chance = 0; chance < 3000; chance++) {
		struct candidates c;
		struct pool *pool = pool_new(65536);
		candidates_from_mx(&c, pool, STR("far.example"), &mx, &self, chance);
		ck_assert_uint_eq(c.count, 3);
		first[c.list[0].host[0] - 'a']++;
		pool_free(pool);
	}
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_gt(first[i], 800);
}
END_TEST

START_TEST(our_address_cuts_the_list)
{
	struct mx_host hosts[4] = {{10, STR("a.example")}, {20, STR("b.example")},
	    {20, STR("c.example")}, {30, STR("d.example")}};
	const struct msg_mx_answer mx = {.state = DNS_OK, .hosts = hosts, .hosts_count = 4};
	static const size_t left[] = {0, 1, 1, 3, 4};
	for (size_t place = 0; place < 5; place++) {
		struct candidates c;
		struct pool *pool = pool_new(65536);
		candidates_from_mx(&c, pool, STR("far.example"), &mx, &self, 1);
		candidates_cut_self(&c, pool, place, STR("far.example"));
		ck_assert_uint_eq(c.count, left[place]);
		ck_assert_int_eq(c.verdict, place == 0 ? CANDIDATES_FAILED : CANDIDATES_FOUND);
		pool_free(pool);
	}
}
END_TEST

START_TEST(no_room_is_for_later)
{
	struct mx_host hosts[2] = {{10, STR("a.example")}, {20, STR("b.example")}};
	const struct msg_mx_answer mx = {.state = DNS_OK, .hosts = hosts, .hosts_count = 2};
	for (size_t room = 1; room < 64; room++) {
		struct candidates c;
		struct pool *pool = pool_new(room);
		candidates_from_mx(&c, pool, STR("far.example"), &mx, &self, 1);
		ck_assert_int_ne(c.verdict, CANDIDATES_FAILED);
		ck_assert_int_eq(c.verdict == CANDIDATES_FOUND, c.count == 2);
		pool_free(pool);
	}
}
END_TEST

/* ---- addresses --------------------------------------------------------------------- */

static const char four[20][4] = {{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}};
static const char six[20][16] = {{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}};

static size_t order(struct place *out, size_t n6, size_t n4, bool v4_first, uint64_t chance)
{
	struct ip_address list4[20], list6[20];
	for (size_t i = 0; i < 20; i++) {
		list4[i].octets = str_from(four[i], 4);
		list6[i].octets = str_from(six[i], 16);
	}
	return addresses_order(out, list6, n6, list4, n4, 25, v4_first, chance);
}

START_TEST(families_in_turn)
{
	static const struct {
		size_t n6, n4;
		bool v4_first;
		const char *order;
	} rows[] = {
	    {0, 0, false, ""},
	    {1, 0, false, "6"},
	    {0, 2, false, "44"},
	    {2, 2, false, "6464"},
	    {2, 2, true, "4646"},
	    {1, 3, false, "6444"},
	    {3, 1, true, "4666"},
	    {10, 1, true, "46666666"},
	    {10, 10, false, "64646464"},
	};
	struct place out[ADDRESSES_MAX];
	size_t n = order(out, rows[_i].n6, rows[_i].n4, rows[_i].v4_first, 12345);
	ck_assert_uint_eq(n, strlen(rows[_i].order));
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(out[i].family, rows[_i].order[i] - '0');
		ck_assert_uint_eq(out[i].port, 25);
		for (size_t k = 0; k < i; k++)
			ck_assert(!place_eq(&out[i], &out[k]));
	}
}
END_TEST

START_TEST(every_address_may_be_the_first)
{
	unsigned seen = 0;
	for (uint64_t chance = 0; chance < 64; chance++) {
		struct place out[ADDRESSES_MAX];
		order(out, 0, 5, false, chance);
		seen |= 1U << out[0].octets[0];
	}
	ck_assert_uint_eq(seen, 0x3e);
}
END_TEST

START_TEST(addresses_of_a_wrong_length)
{
	struct ip_address bad[3] = {
	    {.octets = STR("")}, {.octets = STR("abc")}, {.octets = str_from(four[0], 4)}};
	struct place out[ADDRESSES_MAX];
	ck_assert_uint_eq(addresses_order(out, bad, 3, bad, 3, 25, false, 0), 1);
	ck_assert_int_eq(out[0].family, 4);
}
END_TEST

START_TEST(places_as_text)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1", "::1"};
	struct place p, q;
	char out[PLACE_TEXT_MAX];
	struct sockaddr_storage sa;
	for (size_t i = 0; i < COUNT(texts); i++) {
		ck_assert(place_from_text(&p, texts[i], 25));
		place_format(&p, out);
		ck_assert_str_eq(out, texts[i]);
		place_sockaddr(&p, &sa);
		ck_assert(place_from_sockaddr(&q, (struct sockaddr *)&sa));
		ck_assert(place_eq(&p, &q));
	}
	ck_assert(!place_from_text(&p, "mx.example.org", 25));
	ck_assert(!place_from_text(&p, NULL, 25));
}
END_TEST

/* ---- dead places ---------------------------------------------------------------------- */

START_TEST(dead_places)
{
	static struct dead dead;
	struct place a, b;
	place_from_text(&a, "192.0.2.1", 25);
	place_from_text(&b, "192.0.2.1", 587);
	ck_assert_int_eq(dead_find(&dead, &a, 1000), LINK_NONE);
	dead_note(&dead, &a, LINK_REFUSED, 1000); /* costs nobody any time */
	ck_assert_int_eq(dead_find(&dead, &a, 1000), LINK_NONE);
	dead_note(&dead, &a, LINK_TIMED_OUT, 1000);
	ck_assert_int_eq(dead_find(&dead, &a, 1000), LINK_TIMED_OUT);
	ck_assert_int_eq(dead_find(&dead, &b, 1000), LINK_NONE);
	ck_assert_int_eq(dead_find(&dead, &a, 1000 + DEAD_MS - 1), LINK_TIMED_OUT);
	ck_assert_int_eq(dead_find(&dead, &a, 1000 + DEAD_MS), LINK_NONE);
	dead_note(&dead, &a, LINK_SILENT, 2000);
	dead_forget(&dead, &a);
	ck_assert_int_eq(dead_find(&dead, &a, 2000), LINK_NONE);
}
END_TEST

START_TEST(dead_table_is_bounded)
{
	static struct dead dead;
	const unsigned all = unit_times(100000);
	unsigned known = 0;
	struct place p;
	for (unsigned i = 0; i < all; i++) {
		place_from_octets(&p, 4, str_from(&i, 4), 25);
		dead_note(&dead, &p, LINK_TIMED_OUT, 1000 + i);
		ck_assert_int_eq(dead_find(&dead, &p, 1000 + i), LINK_TIMED_OUT);
	}
	for (unsigned i = 0; i < all; i++) {
		place_from_octets(&p, 4, str_from(&i, 4), 25);
		known += dead_find(&dead, &p, all) == LINK_TIMED_OUT;
	}
	ck_assert_uint_le(known, DEAD_SETS * DEAD_WAYS);
	ck_assert_uint_gt(known, 0);
}
END_TEST

START_TEST(dead_families)
{
	static struct dead dead;
	ck_assert(!dead_is_family(&dead, 6, 1000));
	dead_note_family(&dead, 6, 1000);
	ck_assert(dead_is_family(&dead, 6, 1000));
	ck_assert(!dead_is_family(&dead, 4, 1000));
	ck_assert(!dead_is_family(&dead, 6, 1000 + DEAD_FAMILY_MS));
	dead_forget_family(&dead, 6);
	ck_assert(!dead_is_family(&dead, 6, 1000));
}
END_TEST

/* ---- TLS ------------------------------------------------------------------------------- */

static char data32[64];

struct tls_row {
	enum tls_policy policy;
	bool name, address;
	enum dns_state state;
	struct tlsa record; /* usage 255: none */
	bool asks;
	enum tls_demand demand;
};

#define USABLE                                                                                     \
	{                                                                                          \
		3, 1, 1,                                                                           \
		{                                                                                  \
			data32, 32                                                                 \
		}                                                                                  \
	}
#define UNUSABLE                                                                                   \
	{                                                                                          \
		1, 1, 1,                                                                           \
		{                                                                                  \
			data32, 32                                                                 \
		}                                                                                  \
	}
#define NO_RECORD                                                                                  \
	{                                                                                          \
		255, 0, 0,                                                                         \
		{                                                                                  \
			NULL, 0                                                                    \
		}                                                                                  \
	}

static const struct tls_row tls_rows[] = {
    {TLS_NONE, true, true, 0, NO_RECORD, false, TLS_DEMAND_CLEAR},
    {TLS_MAY, true, true, 0, NO_RECORD, false, TLS_DEMAND_MAY},
    {TLS_ENCRYPT, true, true, 0, NO_RECORD, false, TLS_DEMAND_ENCRYPT},
    {TLS_VERIFY, true, true, 0, NO_RECORD, false, TLS_DEMAND_VERIFY},
    {TLS_FINGERPRINT, true, true, 0, NO_RECORD, false, TLS_DEMAND_FINGERPRINT},
    {TLS_DANE, true, true, DNS_OK, USABLE, true, TLS_DEMAND_DANE},
    {TLS_DANE, true, true, DNS_OK, UNUSABLE, true, TLS_DEMAND_ENCRYPT},
    {TLS_DANE, true, true, DNS_OK, NO_RECORD, true, TLS_DEMAND_MAY},
    {TLS_DANE, true, true, DNS_NO_NAME, NO_RECORD, true, TLS_DEMAND_MAY},
    {TLS_DANE, true, true, DNS_NO_DATA, NO_RECORD, true, TLS_DEMAND_MAY},
    {TLS_DANE, true, true, DNS_TEMPORARY, NO_RECORD, true, TLS_DEMAND_UNMET},
    {TLS_DANE, true, true, DNS_BOGUS, NO_RECORD, true, TLS_DEMAND_UNMET},
    {TLS_DANE, false, true, 0, NO_RECORD, false, TLS_DEMAND_MAY},
    {TLS_DANE, true, false, 0, NO_RECORD, false, TLS_DEMAND_MAY},
    {TLS_DANE_ONLY, true, true, DNS_OK, USABLE, true, TLS_DEMAND_DANE},
    {TLS_DANE_ONLY, true, true, DNS_OK, UNUSABLE, true, TLS_DEMAND_UNMET},
    {TLS_DANE_ONLY, true, true, DNS_OK, NO_RECORD, true, TLS_DEMAND_UNMET},
    {TLS_DANE_ONLY, true, true, DNS_NO_DATA, NO_RECORD, true, TLS_DEMAND_UNMET},
    {TLS_DANE_ONLY, true, true, DNS_TEMPORARY, NO_RECORD, true, TLS_DEMAND_UNMET},
    {TLS_DANE_ONLY, false, true, 0, NO_RECORD, false, TLS_DEMAND_UNMET},
    {TLS_DANE_ONLY, true, false, 0, NO_RECORD, false, TLS_DEMAND_UNMET},
};

START_TEST(tls_demands)
{
	const struct tls_row *row = &tls_rows[_i];
	struct tls_facts facts = {
	    .policy = row->policy, .name_secure = row->name, .address_secure = row->address};
	ck_assert_int_eq(tls_policy_wants_tlsa(&facts), row->asks);
	facts.tlsa_state = row->state;
	facts.tlsa_secure = row->state == DNS_OK;
	facts.records = &row->record;
	facts.record_count = row->record.usage != 255;
	struct tls_decision d = tls_policy_decide(&facts);
	ck_assert_int_eq(d.demand, row->demand);
	ck_assert_int_eq(d.why != NULL, d.demand == TLS_DEMAND_UNMET);
}
END_TEST

START_TEST(tlsa_records_that_can_be_used)
{
	for (unsigned usage = 0; usage < 256; usage++)
		for (unsigned selector = 0; selector < 4; selector++)
			for (unsigned matching = 0; matching < 4; matching++)
				for (size_t n = 0; n <= 64; n += 16) {
					const struct tlsa r = {(uint8_t)usage, (uint8_t)selector,
					    (uint8_t)matching, str_from(data32, n)};
					bool good = (usage == 2 || usage == 3) && selector < 2 &&
						    ((matching == 0 && n > 0) ||
							(matching == 1 && n == 32) ||
							(matching == 2 && n == 64));
					ck_assert_int_eq(tlsa_is_usable(&r), good);
				}
}
END_TEST

/* ---- words ----------------------------------------------------------------------------- */

START_TEST(texts_are_bounded_and_printable)
{
	struct text t;
	text_clear(&t);
	text_add(&t, STR("a\r\nb\x80"));
	ck_assert_str_eq(t.p, "a??b?");
	for (int i = 0; i < 300; i++)
		text_printf(&t, "%s", "abc");
	ck_assert_uint_eq(t.n, REASON_MAX);
	ck_assert_str_eq(t.p + REASON_MAX - 3, "...");
	text_add(&t, STR(""));
	ck_assert_uint_eq(t.n, REASON_MAX);
}
END_TEST

START_TEST(faults_have_words)
{
	static const int errors[] = {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, ECONNRESET,
	    EADDRNOTAVAIL, EMFILE, EPERM, EINVAL};
	for (size_t i = 0; i < COUNT(errors); i++) {
		enum link_fault f = fault_from_errno(errors[i]);
		ck_assert_int_ne(f, LINK_NONE);
		ck_assert_int_eq(fault_status(f).p[0], '4');
		ck_assert_uint_gt(strlen(fault_words(f)), 0);
	}
	ck_assert(fault_is_ours(fault_from_errno(EMFILE)));
	ck_assert(!fault_is_ours(fault_from_errno(ECONNREFUSED)));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("all");
	tcase_add_loop_test(tcase, hosts_in_order, 0, COUNT(mx_rows));
	tcase_add_test(tcase, equals_by_chance);
	tcase_add_test(tcase, our_address_cuts_the_list);
	tcase_add_test(tcase, no_room_is_for_later);
	tcase_add_loop_test(tcase, families_in_turn, 0, 9);
	tcase_add_test(tcase, every_address_may_be_the_first);
	tcase_add_test(tcase, addresses_of_a_wrong_length);
	tcase_add_test(tcase, places_as_text);
	tcase_add_test(tcase, dead_places);
	tcase_add_test(tcase, dead_table_is_bounded);
	tcase_add_test(tcase, dead_families);
	tcase_add_loop_test(tcase, tls_demands, 0, COUNT(tls_rows));
	tcase_add_test(tcase, tlsa_records_that_can_be_used);
	tcase_add_test(tcase, texts_are_bounded_and_printable);
	tcase_add_test(tcase, faults_have_words);
	return unit_run_case("remote_parts", tcase);
}
