/* SPDX-License-Identifier: ISC */
#include "deliver-local/joint.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

START_TEST(one_part)
{
	struct joint j = {.unanswered = 1};
	ck_assert_int_eq(joint_answered(&j, false), JOINT_NOTHING);
	j = (struct joint){.unanswered = 1};
	ck_assert_int_eq(joint_answered(&j, true), JOINT_OPEN);
	ck_assert_int_eq(joint_settled(&j, true), JOINT_DURABLE);
	j = (struct joint){.unanswered = 1};
	ck_assert_int_eq(joint_answered(&j, true), JOINT_OPEN);
	ck_assert_int_eq(joint_settled(&j, false), JOINT_NOT_DURABLE);
}
END_TEST

/* Every order of three parts' answers and settlements: it ends with the last, never before, and one
 * part that is not durable is enough. */
enum { PARTS = 3 };

struct play {
	bool visible[PARTS], durable[PARTS];
	bool answered[PARTS], settled[PARTS];
	struct joint joint;
	unsigned ends;
};

static enum joint_end expected(const struct play *p)
{
	bool any = false, failed = false;
	for (int i = 0; i < PARTS; i++) {
		if (!p->answered[i] || (p->visible[i] && !p->settled[i]))
			return JOINT_OPEN;
		any |= p->visible[i];
		failed |= p->visible[i] && !p->durable[i];
	}
	return !any ? JOINT_NOTHING : failed ? JOINT_NOT_DURABLE : JOINT_DURABLE;
}

static void step(struct play *p, unsigned choice)
{
	int i = (int)(choice % PARTS);
	enum joint_end end;
	if (!p->answered[i]) {
		p->answered[i] = true;
		end = joint_answered(&p->joint, p->visible[i]);
	} else if (p->visible[i] && !p->settled[i]) {
		p->settled[i] = true;
		end = joint_settled(&p->joint, p->durable[i]);
	} else {
		return;
	}
	ck_assert_int_eq(end, expected(p));
	p->ends += end != JOINT_OPEN;
}

START_TEST(any_order)
{
	srand((unsigned)_i);
	for (int round = 0; round < 500; round++) {
		struct play p = {.joint = {.unanswered = PARTS}};
		for (int i = 0; i < PARTS; i++) {
			p.visible[i] = rand() & 1;
			p.durable[i] = rand() & 1;
		}
		for (int n = 0; p.ends == 0 && n < 10000; n++)
			step(&p, (unsigned)rand());
		ck_assert_uint_eq(p.ends, 1);
	}
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("joint");
	tcase_add_test(c, one_part);
	tcase_add_loop_test(c, any_order, 1, 9);
	return unit_run_case("joint", c);
}
