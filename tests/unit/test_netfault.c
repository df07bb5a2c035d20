/* SPDX-License-Identifier: ISC
 *
 * What is seen of single servers, and what is concluded of the network.
 */
#include "common/netfault.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define MINUTE_MS ((uint64_t)60 * 1000)

struct seen {
	enum netfault_sight sight;
	const char *name;
	const char *who;
};

static const struct row {
	const char *what;
	enum netfault verdict;
	struct seen seen[8];
} rows[] = {
    {"three that cannot be reached", NETFAULT_BLOCKED,
	{{SIGHT_NO_LINK, "mx.a.example", ""}, {SIGHT_NO_LINK, "mx.b.example", ""},
	    {SIGHT_NO_LINK, "mx.c.test", ""}}},
    {"two are no proof", NETFAULT_NONE,
	{{SIGHT_NO_LINK, "mx.a.example", ""}, {SIGHT_NO_LINK, "mx.b.example", ""}}},
    {"hosts of one organisation are one", NETFAULT_NONE,
	{{SIGHT_NO_LINK, "mx1.a.example", ""}, {SIGHT_NO_LINK, "mx2.a.example", ""},
	    {SIGHT_NO_LINK, "mx3.A.EXAMPLE.", ""}}},
    {"a short name is no co.uk", NETFAULT_NONE,
	{{SIGHT_NO_LINK, "mx1.gmx.net", ""}, {SIGHT_NO_LINK, "mx2.gmx.net", ""},
	    {SIGHT_NO_LINK, "mx3.gmx.net", ""}, {SIGHT_NO_LINK, "mx4.com.de.example", ""}}},
    {"three under co.uk are three", NETFAULT_BLOCKED,
	{{SIGHT_NO_LINK, "mx.a.co.uk", ""}, {SIGHT_NO_LINK, "mx.b.co.uk", ""},
	    {SIGHT_NO_LINK, "mx.c.co.uk", ""}}},
    {"one that greets is enough", NETFAULT_NONE,
	{{SIGHT_NO_LINK, "mx.a.example", ""}, {SIGHT_NO_LINK, "mx.b.example", ""},
	    {SIGHT_GREETED, "mx.d.example", "mx.d.example"}, {SIGHT_NO_LINK, "mx.c.test", ""}}},
    {"it ends when one is reached", NETFAULT_NONE,
	{{SIGHT_NO_LINK, "mx.a.example", ""}, {SIGHT_NO_LINK, "mx.b.example", ""},
	    {SIGHT_NO_LINK, "mx.c.test", ""}, {SIGHT_GREETED, "mx.a.example", "mx.a.example"}}},
    {"one name greets for all", NETFAULT_DIVERTED,
	{{SIGHT_GREETED, "mx.a.example", "filter.isp.example"},
	    {SIGHT_GREETED, "mx.b.example", "filter.isp.example"},
	    {SIGHT_GREETED, "mx.c.test", "FILTER.isp.example"}}},
    {"the diverting server's own domain does not count", NETFAULT_NONE,
	{{SIGHT_GREETED, "mx.a.example", "filter.isp.example"},
	    {SIGHT_GREETED, "mx.b.example", "filter.isp.example"},
	    {SIGHT_GREETED, "mx.isp.example", "filter.isp.example"}}},
    {"others greet as themselves", NETFAULT_NONE,
	{{SIGHT_GREETED, "mx.a.example", "mx.a.example"},
	    {SIGHT_GREETED, "mx.b.example", "mail.b.example"},
	    {SIGHT_GREETED, "mx.c.test", "c.test"}}},
    {"a greeting without a name says nothing", NETFAULT_NONE,
	{{SIGHT_GREETED, "mx.a.example", ""}, {SIGHT_GREETED, "mx.b.example", ""},
	    {SIGHT_GREETED, "mx.c.test", ""}}},
    {"forged answers", NETFAULT_DNS,
	{{SIGHT_FORGED, "a.example", ""}, {SIGHT_FORGED, "b.example", ""},
	    {SIGHT_FORGED, "c.test", ""}}},
    {"one zone with a broken signature is its own fault", NETFAULT_NONE,
	{{SIGHT_FORGED, "a.example", ""}, {SIGHT_NAMES, "b.example", ""},
	    {SIGHT_FORGED, "c.test", ""}, {SIGHT_FORGED, "d.test", ""}}},
    {"names come before links", NETFAULT_DNS,
	{{SIGHT_NO_LINK, "mx.a.example", ""}, {SIGHT_NO_LINK, "mx.b.example", ""},
	    {SIGHT_NO_LINK, "mx.c.test", ""}, {SIGHT_FORGED, "a.example", ""},
	    {SIGHT_FORGED, "b.example", ""}, {SIGHT_FORGED, "c.test", ""}}},
};

static bool note(struct netfaults *n, const struct seen *s, uint64_t now)
{
	return netfaults_note(n, s->sight, str_from_cstr(s->name), str_from_cstr(s->who), now);
}

START_TEST(several_unrelated_servers_tell)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct netfaults n = {.verdict = NETFAULT_NONE};
		for (const struct seen *s = rows[i].seen; s->name != NULL; s++)
			note(&n, s, MINUTE_MS);
		ck_assert_msg(
		    n.verdict == rows[i].verdict, "%s: verdict %d", rows[i].what, (int)n.verdict);
	}
}
END_TEST

START_TEST(a_change_is_told_once)
{
	struct netfaults n = {.verdict = NETFAULT_NONE};
	ck_assert(!note(&n, &rows[0].seen[0], 1));
	ck_assert(!note(&n, &rows[0].seen[1], 2));
	ck_assert(note(&n, &rows[0].seen[2], 3));
	ck_assert(!note(&n, &rows[0].seen[0], 4));
	ck_assert(note(&n, &(struct seen){SIGHT_GREETED, "mx.z.example", "z"}, 5));
	ck_assert_int_eq(n.verdict, NETFAULT_NONE);
}
END_TEST

START_TEST(what_is_old_counts_no_more)
{
	struct netfaults n = {.verdict = NETFAULT_NONE};
	note(&n, &rows[0].seen[0], MINUTE_MS);
	note(&n, &rows[0].seen[1], MINUTE_MS);
	note(&n, &rows[0].seen[2], 17 * MINUTE_MS);
	ck_assert_int_eq(n.verdict, NETFAULT_NONE);
}
END_TEST

/* More organisations than are remembered: the newest ones count. */
START_TEST(the_oldest_is_forgotten)
{
	struct netfaults n = {.verdict = NETFAULT_NONE};
	char name[32];
	note(&n, &(struct seen){SIGHT_GREETED, "mx.first.example", "first.example"}, 1);
	for (unsigned i = 0; i < NETFAULT_SEEN; i++) {
		snprintf(name, sizeof(name), "mx.domain%u.example", i);
		ck_assert_int_eq(n.verdict, NETFAULT_NONE);
		note(&n, &(struct seen){SIGHT_NO_LINK, name, ""}, 2 + i);
	}
	ck_assert_int_eq(n.verdict, NETFAULT_BLOCKED);
}
END_TEST

START_TEST(the_greeter_is_the_first_word)
{
	static const struct {
		const char *greeting, *who;
	} greetings[] = {{"220 mx.example.org ESMTP", "mx.example.org"},
	    {"220-mx.example.org hello", "mx.example.org"},
	    {"220 mx.example.org", "mx.example.org"}, {"220 ", ""}, {"220", ""}, {"22", ""},
	    {"", ""}, {"220  mx", ""}, {"220_mx", ""}};
	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++)
		ck_assert_str(netfault_greeter(str_from_cstr(greetings[i].greeting)),
		    str_from_cstr(greetings[i].who));
}
END_TEST

START_TEST(every_fault_has_a_name_and_a_remedy)
{
	for (int f = NETFAULT_BLOCKED; f <= NETFAULT_DNS; f++) {
		ck_assert_uint_gt(strlen(netfault_name((enum netfault)f)), 0);
		ck_assert_ptr_nonnull(strstr(netfault_remedy((enum netfault)f), "postern reload"));
	}
}
END_TEST

UNIT_MAIN("netfault", several_unrelated_servers_tell, a_change_is_told_once,
    what_is_old_counts_no_more, the_oldest_is_forgotten, the_greeter_is_the_first_word,
    every_fault_has_a_name_and_a_remedy)
