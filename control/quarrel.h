/* SPDX-License-Identifier: ISC
 *
 * A program said that what it heard over an edge broke the protocol. When it is the one of both
 * that is trusted more, the other is ended, and so gets fresh ends with its next life.
 */
#ifndef POSTERN_CONTROL_QUARREL_H
#define POSTERN_CONTROL_QUARREL_H

#include "control/program.h"

#include "common/msg-supervision.h"

/* Words of the weaker one, about an edge that is not the teller's, or about a life that is over,
 * are nothing. */
void quarrel_settle(
    struct program_table *t, struct program *teller, const struct msg_edge_broken *m);

#endif
