/* SPDX-License-Identifier: ISC
 *
 * When a pair whose weaker end has closed its channel gets a new one.
 */
#include "control/rewire.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

static struct program list[] = {
    {.self = {PROGRAM_queue, 0}, .life = 1},
    {.self = {PROGRAM_smtpd, 0}, .life = 2},
};
enum { QUEUE, SMTPD };
static struct program_table table = {.list = list, .count = 2};
static unsigned wired;

struct program *program_find(struct program_table *t, struct wiring_end end)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].self.program == end.program &&
		    t->list[i].self.instance == end.instance)
			return &t->list[i];
	return NULL;
}

static void wire(void *ctx, const struct wiring_pair *pair)
{
	(void)ctx;
	ck_assert_int_eq(pair->edge, EDGE_smtpd_queue);
	ck_assert_int_eq(pair->client.program, PROGRAM_smtpd);
	ck_assert_int_eq(pair->server.program, PROGRAM_queue);
	wired++;
}

static void cut(void)
{
	rewire_later(EDGE_smtpd_queue, &list[SMTPD], &list[QUEUE]);
}

static void await_wired(unsigned count)
{
	struct unit_patience p;
	unit_patience_begin(&p, 5000);
	while (wired < count && !p.over)
		unit_wait();
	ck_assert(unit_patience_end(&p));
	ck_assert_uint_eq(wired, count);
}

/* The first time at once; after it there is time for something to happen. */
static void begin(void)
{
	list[QUEUE].life = 1;
	list[SMTPD].life = 2;
	for (size_t i = 0; i < table.count; i++)
		list[i].wiring = wiring_program(list[i].self.program);
	rewire_setup(&table, wire);
	wired = 0;
	cut();
	await_wired(1);
}

START_TEST(it_is_made_once_however_often_it_is_told)
{
	begin();
	cut();
	cut();
	unit_settle();
	ck_assert_uint_eq(wired, 1);
	await_wired(2);
	unit_settle();
	ck_assert_uint_eq(wired, 2);
}
END_TEST

/* Whoever is started anew gets fresh ends anyway. */
START_TEST(not_for_an_end_that_began_anew)
{
	begin();
	cut();
	list[_i].life = 3;
	struct unit_patience p;
	unit_patience_begin(&p, 2 * BACKOFF_FIRST_MS);
	while (!p.over)
		unit_wait();
	unit_patience_end(&p);
	ck_assert_uint_eq(wired, 1);
}
END_TEST

/* What was cut between the lives that are is not forgotten for what was cut between others. */
START_TEST(new_lives_whose_channel_is_cut_get_one)
{
	begin();
	cut();
	list[_i].life = 3;
	cut();
	await_wired(2);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("rewire");
	tcase_add_test(tcase, it_is_made_once_however_often_it_is_told);
	tcase_add_loop_test(tcase, not_for_an_end_that_began_anew, QUEUE, SMTPD + 1);
	tcase_add_loop_test(tcase, new_lives_whose_channel_is_cut_get_one, QUEUE, SMTPD + 1);
	return unit_run_case("rewire", tcase);
}
