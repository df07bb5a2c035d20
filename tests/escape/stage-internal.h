/* SPDX-License-Identifier: ISC
 *
 * Between the parts of stage.h: its world, its programs, what those make.
 */
#ifndef POSTERN_TESTS_ESCAPE_STAGE_INTERNAL_H
#define POSTERN_TESTS_ESCAPE_STAGE_INTERNAL_H

#include "tests/escape/stage.h"

void stage_write_conf(struct stage *st);
void stage_make_things(struct stage *st);

/* Turns the loop until it is so; the test fails when that takes too long. */
void stage_turn_until(const bool *done, const char *what);
/* stage_victim, stage_forget and stage_close for what is no program of the wiring. */
pid_t stage_child(struct stage *st, unsigned victim);
void stage_forget_child(struct stage *st);

#endif
