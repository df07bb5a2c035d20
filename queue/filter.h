/* SPDX-License-Identifier: ISC
 *
 * Which messages an operator means: what queue_list of
 * common/msg-operator-queue.def says of them.
 */
#ifndef POSTERN_QUEUE_FILTER_H
#define POSTERN_QUEUE_FILTER_H

#include "common/msg-operator-queue.h"
#include "queue/active.h"

struct filter;

/* A copy of what is asked for; NULL: everything is. */
struct filter *filter_new(const struct msg_queue_list *m);
void filter_free(struct filter *f);
bool filter_fits(const struct filter *f, const struct message *m);

#endif
