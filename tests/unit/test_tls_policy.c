/* SPDX-License-Identifier: ISC
 *
 * What must hold of TLS with a host: every policy of the operator's, every wish of a sender's (RFC
 * 8689), in everything that DNS can say.
 */
#include "common/envelope.h"
#include "deliver-remote/tls-policy.h"
#include "tests/unit/unit.h"

static char data[32];

/* What DNS says, column by column of the tables below. */
static const struct situation {
	bool name, address;
	enum dns_state state; /* for TLSA, if it is asked for */
	int usage;	      /* of its record; -1: none */
	bool itself;	      /* there are no MX records */
} situations[] = {
    {true, true, DNS_OK, 3, false},
    {true, true, DNS_OK, 1, false}, /* unusable */
    {true, true, DNS_NO_DATA, -1, false},
    {true, true, DNS_NO_NAME, -1, false},
    {true, true, DNS_TEMPORARY, -1, false},
    {true, true, DNS_BOGUS, -1, false},
    {true, false, DNS_OK, 3, false},
    {false, true, DNS_OK, 3, false},
    {false, false, DNS_OK, 3, true},
};
enum { SITUATIONS = sizeof(situations) / sizeof(situations[0]) };

/* C clear, M may, E encrypt, D DANE, V verify, F fingerprint; a host that cannot be used: L for
 * good, P because DNS does not say. */
static const struct row {
	enum tls_policy policy;
	bool named;
	const char *optional, *none, *required;
} rows[] = {
    {TLS_NONE, false, "CCCCCCCCC", "CCCCCCCCC", "LLLLLLLLL"},
    {TLS_MAY, false, "MMMMMMMMM", "MMMMMMMMM", "DVVVPPVLV"},
    {TLS_ENCRYPT, false, "EEEEEEEEE", "EEEEEEEEE", "DVVVPPVLV"},
    {TLS_DANE, false, "MMMMMMMMM", "DEMMPPMMM", "DVVVPPVLV"},
    {TLS_DANE_ONLY, false, "DLLLPPLLL", "DLLLPPLLL", "DLLLPPLLL"},
    {TLS_VERIFY, false, "VVVVVVVVV", "VVVVVVVVV", "VVVVVVVLV"},
    {TLS_VERIFY, true, "VVVVVVVVV", "VVVVVVVVV", "VVVVVVVVV"},
    {TLS_FINGERPRINT, false, "FFFFFFFFF", "FFFFFFFFF", "FFFFFFFFF"},
};

static char letter(struct tls_decision d)
{
	static const char letters[] = {
	    [TLS_DEMAND_CLEAR] = 'C',
	    [TLS_DEMAND_MAY] = 'M',
	    [TLS_DEMAND_ENCRYPT] = 'E',
	    [TLS_DEMAND_DANE] = 'D',
	    [TLS_DEMAND_VERIFY] = 'V',
	    [TLS_DEMAND_FINGERPRINT] = 'F',
	};
	ck_assert_int_eq(d.why != NULL, d.demand == TLS_DEMAND_UNMET);
	if (d.demand == TLS_DEMAND_UNMET)
		return d.lasting ? 'L' : 'P';
	return letters[d.demand];
}

static char decide(const struct row *row, enum tls_wish wish, const struct situation *s)
{
	const struct tlsa record = {(uint8_t)s->usage, 1, 1, {data, sizeof(data)}};
	struct tls_facts f = {.policy = row->policy,
	    .wish = wish,
	    .named = row->named,
	    .domain_itself = s->itself,
	    .name_secure = s->name,
	    .address_secure = s->address};
	if (tls_policy_wants_tlsa(&f)) {
		ck_assert(s->name && s->address);
		f.tlsa_state = s->state;
		f.tlsa_secure = s->state == DNS_OK;
		f.records = &record;
		f.record_count = s->usage >= 0;
	}
	return letter(tls_policy_decide(&f));
}

START_TEST(every_policy_wish_and_situation)
{
	static const enum tls_wish wishes[] = {TLS_WISH_OPTIONAL, TLS_WISH_NONE, TLS_WISH_REQUIRED};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < SITUATIONS; k++) {
			const char *expected[] = {rows[i].optional, rows[i].none, rows[i].required};
			for (int w = 0; w < 3; w++) {
				char got = decide(&rows[i], wishes[w], &situations[k]);
				ck_assert_msg(got == expected[w][k],
				    "policy %u, wish %d, situation %zu: %c instead of %c",
				    rows[i].policy, wishes[w], k, got, expected[w][k]);
			}
		}
}
END_TEST

/* What decides whether a session may carry mail of another wish. */
START_TEST(wishes_are_in_order)
{
	ck_assert_int_lt(TLS_WISH_OPTIONAL, TLS_WISH_NONE);
	ck_assert_int_lt(TLS_WISH_NONE, TLS_WISH_REQUIRED);
}
END_TEST

/* RFC 8689 §4.1: who says both requires it. What the operator asks for is not a sender's to lift.
 */
START_TEST(flags_make_wishes)
{
	static const unsigned others = ENVELOPE_8BITMIME | ENVELOPE_SMTPUTF8;
	for (enum tls_policy p = TLS_NONE; p <= TLS_FINGERPRINT; p++) {
		ck_assert_int_eq(tls_wish_of(others, p), TLS_WISH_NONE);
		ck_assert_int_eq(tls_wish_of(others | ENVELOPE_REQUIRETLS, p), TLS_WISH_REQUIRED);
		ck_assert_int_eq(
		    tls_wish_of(ENVELOPE_REQUIRETLS | ENVELOPE_TLS_OPTIONAL, p), TLS_WISH_REQUIRED);
		ck_assert_int_eq(tls_wish_of(others | ENVELOPE_TLS_OPTIONAL, p),
		    p == TLS_DANE ? TLS_WISH_OPTIONAL : TLS_WISH_NONE);
	}
}
END_TEST

UNIT_MAIN("tls_policy", every_policy_wish_and_situation, wishes_are_in_order, flags_make_wishes)
