/* SPDX-License-Identifier: ISC
 *
 * The wiring as data: every edge of the table becomes the right pairs, and what is
 * not in the table does not.
 */
#include "control/wiring.h"
#include "tests/unit/unit.h"

#include <string.h>

/* With everything that can be configured. */
static const struct wiring_size five = {.workers = 5, .system_users = true, .pam = true};

struct seen {
	unsigned count[EDGE_COUNT];
	unsigned total;
	struct wiring_end end;
	bool strangers; /* a pair without `end` */
};

static void note(void *ctx, const struct wiring_pair *pair)
{
	struct seen *seen = ctx;
	const struct wiring_edge *e = wiring_edge(pair->edge);
	ck_assert_int_eq(pair->client.program, e->client);
	ck_assert_int_eq(pair->server.program, e->server);
	seen->count[pair->edge]++;
	seen->total++;
	bool client = pair->client.program == seen->end.program &&
		      pair->client.instance == seen->end.instance;
	bool server = pair->server.program == seen->end.program &&
		      pair->server.instance == seen->end.instance;
	seen->strangers |= !client && !server;
}

START_TEST(programs_are_in_order_of_starting)
{
	static const char *const files[] = {"keys", "users", "pam-check", "directory", "resolver",
	    "deliver-owner", "deliver-local", "deliver-remote", "queue", "pop3d-owner",
	    "pop3d-session", "pop3d", "smtpd"};
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		ck_assert_str_eq(wiring_program(id)->file, files[id - 1]);
		bool root = id == PROGRAM_pam_check || id == PROGRAM_deliver_owner ||
			    id == PROGRAM_pop3d_owner;
		ck_assert_int_eq(strcmp(wiring_program(id)->user, "root") == 0, root);
		ck_assert_int_ne(strncmp(wiring_program(id)->user, "postern-", 8) == 0, root);
	}
	ck_assert_uint_eq(PROGRAM_COUNT - 1, sizeof(files) / sizeof(files[0]));
	ck_assert_ptr_null(wiring_program(PROGRAM_NONE));
	ck_assert_ptr_null(wiring_program(PROGRAM_COUNT));
	ck_assert_ptr_null(wiring_edge(EDGE_NONE));
	ck_assert_ptr_null(wiring_edge(EDGE_COUNT));
}
END_TEST

START_TEST(workers_are_instances)
{
	ck_assert_uint_eq(wiring_instances(PROGRAM_queue, five), 1);
	ck_assert_uint_eq(wiring_instances(PROGRAM_smtpd, five), 5);
	ck_assert_uint_eq(wiring_instances(PROGRAM_pop3d, five), 5);
	ck_assert_uint_eq(wiring_instances(PROGRAM_NONE, five), 0);
	ck_assert(wiring_program(PROGRAM_smtpd)->admission);
	ck_assert(wiring_program(PROGRAM_pop3d)->admission);
	ck_assert(!wiring_program(PROGRAM_deliver_remote)->admission);
	ck_assert(!wiring_program(PROGRAM_queue)->admission);
}
END_TEST

/* Nothing but control is root unless the configuration says so. */
START_TEST(root_is_an_option)
{
	const struct wiring_size plain = {3, false, false}, users = {3, true, false};
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		bool root = strcmp(wiring_program(id)->user, "root") == 0;
		ck_assert_int_eq(wiring_instances(id, plain) == 0, root || id == PROGRAM_users);
		ck_assert_int_eq(wiring_instances(id, users) == 0, id == PROGRAM_pam_check);
	}
	struct seen seen = {.total = 0};
	wiring_each_pair(plain, note, &seen);
	ck_assert_uint_eq(seen.count[EDGE_local_owner], 0);
	ck_assert_uint_eq(seen.count[EDGE_session_owner], 0);
	ck_assert_uint_eq(seen.count[EDGE_directory_users], 0);
	ck_assert_uint_eq(seen.count[EDGE_directory_pam], 0);
}
END_TEST

/* Whom control makes connections for. */
START_TEST(one_program_connects)
{
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		ck_assert(wiring_program(id)->connects == (id == PROGRAM_deliver_remote));
}
END_TEST

START_TEST(every_edge_has_its_pairs)
{
	for (unsigned workers = 1; workers <= 4; workers++) {
		struct seen seen = {.total = 0};
		wiring_each_pair((struct wiring_size){workers, true, true}, note, &seen);
		ck_assert_uint_eq(seen.count[EDGE_smtpd_queue], workers);
		ck_assert_uint_eq(seen.count[EDGE_smtpd_directory], workers);
		ck_assert_uint_eq(seen.count[EDGE_pop3d_session], workers);
		ck_assert_uint_eq(seen.count[EDGE_queue_local], 1);
		ck_assert_uint_eq(seen.count[EDGE_directory_session], 1);
		for (enum edge_id id = EDGE_NONE + 1; id < EDGE_COUNT; id++)
			ck_assert_uint_ge(seen.count[id], 1);
	}
}
END_TEST

START_TEST(one_instance_has_its_own_pairs_only)
{
	struct seen seen = {.end = {PROGRAM_smtpd, 2}};
	wiring_each_pair_of(seen.end, (struct wiring_size){4, false, false}, note, &seen);
	ck_assert_uint_eq(seen.total, 3);
	ck_assert_uint_eq(seen.count[EDGE_smtpd_queue], 1);
	ck_assert_uint_eq(seen.count[EDGE_smtpd_keys], 1);
	ck_assert_uint_eq(seen.count[EDGE_smtpd_directory], 1);
	ck_assert(!seen.strangers);

	seen = (struct seen){.end = {PROGRAM_directory, 0}};
	wiring_each_pair_of(seen.end, (struct wiring_size){4, false, false}, note, &seen);
	ck_assert_uint_eq(seen.total, 4 + 4 + 1 + 1 + 4);
	ck_assert(!seen.strangers);
}
END_TEST

/* Both ends of a pair count it, so the sum over all instances is twice the pairs. */
/* Who is ended when an edge is broken is never a matter of chance. */
START_TEST(every_edge_has_a_weaker_end)
{
	static const struct {
		enum edge_id edge;
		enum program_id weaker;
	} rows[] = {
	    {EDGE_smtpd_queue, PROGRAM_smtpd},
	    {EDGE_queue_remote, PROGRAM_deliver_remote},
	    {EDGE_queue_local, PROGRAM_deliver_local},
	    {EDGE_queue_directory, PROGRAM_directory},
	    {EDGE_pop3d_session, PROGRAM_pop3d},
	    {EDGE_directory_session, PROGRAM_pop3d_session},
	    {EDGE_directory_users, PROGRAM_users},
	    {EDGE_directory_pam, PROGRAM_directory},
	    {EDGE_local_owner, PROGRAM_deliver_local},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(wiring_weaker(rows[i].edge), rows[i].weaker);
	for (enum edge_id id = EDGE_NONE + 1; id < EDGE_COUNT; id++) {
		const struct wiring_edge *e = wiring_edge(id);
		ck_assert_int_ne(wiring_rank(e->client), wiring_rank(e->server));
		ck_assert_int_gt(wiring_rank(e->client), 0);
		ck_assert_int_gt(wiring_rank(e->server), 0);
	}
	ck_assert_int_eq(wiring_weaker(EDGE_NONE), PROGRAM_NONE);
	ck_assert_int_eq(wiring_weaker(EDGE_COUNT), PROGRAM_NONE);
}
END_TEST

START_TEST(no_edge_leads_back_to_its_own_program)
{
	const struct wiring_size size = {3, true, true};
	struct seen all = {.total = 0};
	unsigned sum = 0;
	wiring_each_pair(size, note, &all);
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		for (unsigned i = 0; i < wiring_instances(id, size); i++) {
			struct seen own = {.end = {id, i}};
			wiring_each_pair_of(own.end, size, note, &own);
			sum += own.total;
		}
	}
	ck_assert_uint_eq(sum, 2 * all.total);
}
END_TEST

START_TEST(listeners_have_a_program)
{
	ck_assert_int_eq(wiring_listens(LISTENER_SMTP), PROGRAM_smtpd);
	ck_assert_int_eq(wiring_listens(LISTENER_SENDMAIL), PROGRAM_smtpd);
	ck_assert_int_eq(wiring_listens(LISTENER_POP3), PROGRAM_pop3d);
	ck_assert_int_eq(wiring_listens(LISTENER_QUEUE), PROGRAM_queue);
	ck_assert_int_eq(wiring_listens((enum listener_kind)99), PROGRAM_NONE);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("wiring");
	tcase_add_test(tc, programs_are_in_order_of_starting);
	tcase_add_test(tc, workers_are_instances);
	tcase_add_test(tc, one_program_connects);
	tcase_add_test(tc, root_is_an_option);
	tcase_add_test(tc, every_edge_has_its_pairs);
	tcase_add_test(tc, every_edge_has_a_weaker_end);
	tcase_add_test(tc, one_instance_has_its_own_pairs_only);
	tcase_add_test(tc, no_edge_leads_back_to_its_own_program);
	tcase_add_test(tc, listeners_have_a_program);
	return unit_run_case("wiring", tc);
}
