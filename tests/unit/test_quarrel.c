/* SPDX-License-Identifier: ISC
 *
 * Who may have whom ended.
 */
#include "control/quarrel.h"
#include "control/rewire.h"
#include "tests/unit/unit.h"

static struct program list[] = {
    {.self = {PROGRAM_queue, 0}, .life = 1},
    {.self = {PROGRAM_smtpd, 0}, .life = 2},
    {.self = {PROGRAM_smtpd, 1}, .life = 3},
    {.self = {PROGRAM_deliver_local, 0}, .life = 4},
    {.self = {PROGRAM_directory, 0}, .life = 5},
};
enum { QUEUE, SMTPD_0, SMTPD_1, LOCAL, DIRECTORY, COUNT };
static struct program_table table = {.list = list, .count = COUNT};
static struct program *killed;
static const struct program *weaker, *stronger;

struct program *program_find(struct program_table *t, struct wiring_end end)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].self.program == end.program &&
		    t->list[i].self.instance == end.instance)
			return &t->list[i];
	return NULL;
}

void program_kill(struct program *p, const char *why)
{
	ck_assert_ptr_nonnull(why);
	ck_assert_ptr_null(killed);
	killed = p;
}

void rewire_later(enum edge_id edge, const struct program *one, const struct program *other)
{
	ck_assert_uint_eq(wiring_weaker(edge), one->self.program);
	ck_assert_ptr_null(weaker);
	weaker = one;
	stronger = other;
}

/* What the teller says of an edge, an instance and a life; who is ended, and with whom the
 * teller gets a new channel; COUNT: nobody. */
static const struct {
	int teller;
	uint8_t edge;
	uint16_t instance;
	uint32_t life;
	int loser, stronger;
} rows[] = {
    {QUEUE, EDGE_smtpd_queue, 1, 3, SMTPD_1, COUNT},
    {QUEUE, EDGE_smtpd_queue, 0, 2, SMTPD_0, COUNT},
    {QUEUE, EDGE_queue_local, 0, 4, LOCAL, COUNT},
    {QUEUE, EDGE_queue_directory, 0, 5, DIRECTORY, COUNT},
    {DIRECTORY, EDGE_smtpd_directory, 1, 3, SMTPD_1, COUNT},
    /* Who is trusted less cannot have the other one ended. */
    {SMTPD_0, EDGE_smtpd_queue, 0, 1, COUNT, QUEUE},
    {LOCAL, EDGE_queue_local, 0, 1, COUNT, QUEUE},
    {DIRECTORY, EDGE_queue_directory, 0, 1, COUNT, QUEUE},
    {SMTPD_1, EDGE_smtpd_directory, 0, 5, COUNT, DIRECTORY},
    {SMTPD_1, EDGE_smtpd_directory, 0, 4, COUNT, COUNT},
    /* The life that did it is over. */
    {QUEUE, EDGE_smtpd_queue, 1, 2, COUNT, COUNT},
    {QUEUE, EDGE_smtpd_queue, 1, 0, COUNT, COUNT},
    /* An edge of others; nobody is there; no edge. */
    {QUEUE, EDGE_smtpd_directory, 1, 3, COUNT, COUNT},
    {LOCAL, EDGE_smtpd_queue, 1, 3, COUNT, COUNT},
    {QUEUE, EDGE_smtpd_queue, 2, 3, COUNT, COUNT},
    {QUEUE, EDGE_queue_remote, 0, 0, COUNT, COUNT},
    {QUEUE, EDGE_NONE, 0, 2, COUNT, COUNT},
    {QUEUE, EDGE_COUNT, 0, 2, COUNT, COUNT},
    {QUEUE, 255, 0, 2, COUNT, COUNT},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

START_TEST(the_weaker_is_ended)
{
	const struct msg_edge_broken m = {rows[_i].edge, rows[_i].instance, rows[_i].life};
	killed = NULL;
	weaker = stronger = NULL;
	for (size_t i = 0; i < COUNT; i++)
		list[i].wiring = wiring_program(list[i].self.program);
	quarrel_settle(&table, &list[rows[_i].teller], &m);
	ck_assert_ptr_eq(killed, rows[_i].loser == COUNT ? NULL : &list[rows[_i].loser]);
	ck_assert_ptr_eq(weaker, rows[_i].stronger == COUNT ? NULL : &list[rows[_i].teller]);
	ck_assert_ptr_eq(stronger, rows[_i].stronger == COUNT ? NULL : &list[rows[_i].stronger]);
}
END_TEST

/* Each time that it is said until the other is gone. */
START_TEST(once_is_enough)
{
	const struct msg_edge_broken m = {EDGE_smtpd_queue, 1, 3};
	killed = NULL;
	list[SMTPD_1].wiring = wiring_program(PROGRAM_smtpd);
	list[QUEUE].wiring = wiring_program(PROGRAM_queue);
	list[SMTPD_1].killed_why = "it is being ended";
	quarrel_settle(&table, &list[QUEUE], &m);
	ck_assert_ptr_null(killed);
	list[SMTPD_1].killed_why = NULL;
	quarrel_settle(&table, &list[QUEUE], &m);
	ck_assert_ptr_eq(killed, &list[SMTPD_1]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("quarrel");
	tcase_add_loop_test(tc, the_weaker_is_ended, 0, ROWS);
	tcase_add_test(tc, once_is_enough);
	return unit_run_case("quarrel", tc);
}
