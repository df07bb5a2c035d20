/* SPDX-License-Identifier: ISC */
#include "queue/policies.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static const char text[] =
    "hostname = \"mx.example.org\"\n"
    "mailboxes = \"/var/mail/%d/%n\"\n"
    "listen smtp { address = \"*:25\" }\n"
    "queue { retry-first = \"2 min\"  retry-max = \"3 h\"  lifetime = \"4 d\" }\n"
    "remote { destination-concurrency = 17 }\n"
    "destination \"Example.ORG\" { concurrency = 2 }\n"
    "destination \".example.org\" { rate = 100/h }\n"
    "destination \".deep.example.org\" { lifetime = \"1 h\" }\n"
    "destination \"smtp:[mx.example.net]\" { retry-first = \"5 s\" }\n"
    "destination \"relay:big\" { concurrency = 50 }\n"
    "relay big { host = \"smtp.example.com\" }\n";

static struct conf *conf;
static struct policies *policies;

static void setup(void)
{
	struct conf_faults faults = {0};
	conf = conf_parse("/etc/postern.conf", text, sizeof(text) - 1, &faults);
	for (size_t i = 0; i < faults.count; i++)
		fprintf(stderr, "%u: %s\n", faults.list[i].line, faults.list[i].text);
	ck_assert_ptr_nonnull(conf);
	conf_faults_free(&faults);
	policies = policies_new(conf);
}

static void teardown(void)
{
	policies_free(policies);
	conf_free(conf);
}

static const struct destination_policy *find(const char *nexthop)
{
	return policies_find(policies, str_from_cstr(nexthop));
}

START_TEST(a_name_of_its_own_counts_before_what_is_above)
{
	ck_assert_uint_eq(find("example.org")->window_max, 2);
	ck_assert_uint_eq(find("example.org")->window_first, 2);
	ck_assert_uint_eq(find("example.org")->rate, 0);
	ck_assert_ptr_eq(find("EXAMPLE.org"), find("example.org"));
	ck_assert_uint_eq(find("a.example.org")->rate, 100);
	ck_assert_uint_eq(find("a.example.org")->window_max, 17);
	ck_assert_ptr_eq(find("a.b.Example.org"), find("c.example.org"));
}
END_TEST

START_TEST(the_longest_above_counts)
{
	ck_assert_uint_eq(find("x.deep.example.org")->lifetime, 3600);
	ck_assert_uint_eq(find("x.y.deep.example.org")->lifetime, 3600);
	ck_assert_uint_eq(find("deep.example.org")->rate, 100);
}
END_TEST

START_TEST(other_nexthops_only_by_their_own_name)
{
	ck_assert_uint_eq(find("SMTP:[mx.example.net]")->retry.first, 5);
	ck_assert_uint_eq(find("smtp:[mx.example.net]")->retry.max, 3 * 3600);
	ck_assert_uint_eq(find("relay:big")->window_max, 50);
	ck_assert_uint_eq(find("relay:big")->window_first, 5);
	ck_assert_ptr_null(find("smtp:mx.example.org"));
	ck_assert_ptr_null(find("smtp:[mx.example.org]"));
	ck_assert_ptr_null(find("[192.0.2.1]"));
}
END_TEST

START_TEST(nothing_matches_what_only_looks_like_it)
{
	static const char *const names[] = {"", ".", "..", "org", "example.com", "notexample.org",
	    "example.org.", ".org", "example.org.example.net"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(find(names[i]) == NULL, "%s", names[i]);
	ck_assert_ptr_null(policies_find(policies, (struct str){NULL, 0}));
}
END_TEST

START_TEST(what_a_section_does_not_say_is_everybodys)
{
	const struct destination_policy *p = find("example.org");
	ck_assert_uint_eq(p->retry.first, 120);
	ck_assert_uint_eq(p->retry.max, 3 * 3600);
	ck_assert_uint_eq(p->lifetime, 4 * 86400);
	ck_assert_uint_gt(p->dead_after, 0);
	ck_assert_uint_eq(p->backoff_first, 120);
	ck_assert_uint_le(p->backoff_max, 3600);
}
END_TEST

START_TEST(transports_have_their_limits)
{
	const struct transport_policy local = policies_transport(conf, TRANSPORT_LOCAL);
	const struct transport_policy remote = policies_transport(conf, TRANSPORT_REMOTE);
	ck_assert_uint_eq(local.limit, conf->queue.local_concurrency);
	ck_assert_uint_eq(local.destination.dead_after, 0);
	ck_assert_uint_eq(remote.limit, conf->remote.concurrency);
	ck_assert_uint_eq(remote.destination.window_max, 17);
	ck_assert_uint_eq(policies_transport(conf, TRANSPORT_DISCARD).destination.dead_after, 0);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("policies");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_name_of_its_own_counts_before_what_is_above);
	tcase_add_test(c, the_longest_above_counts);
	tcase_add_test(c, other_nexthops_only_by_their_own_name);
	tcase_add_test(c, nothing_matches_what_only_looks_like_it);
	tcase_add_test(c, what_a_section_does_not_say_is_everybodys);
	tcase_add_test(c, transports_have_their_limits);
	return unit_run_case("policies", c);
}
