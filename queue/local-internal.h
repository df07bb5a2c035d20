/* SPDX-License-Identifier: ISC
 *
 * Shared by local.c and local-send.c.
 */
#ifndef POSTERN_QUEUE_LOCAL_INTERNAL_H
#define POSTERN_QUEUE_LOCAL_INTERNAL_H

#include "common/answers.h"
#include "common/msg-queue-local.h"
#include "queue/local.h"

/* The recipient is to be tried again; logs it. */
void local_defer(struct local *l, struct delivery *d, struct delivery_item *item,
    struct str enhanced, struct str why, struct moment now);
/* The recipient will never get it; logs it. */
void local_fail(struct local *l, struct delivery *d, struct delivery_item *item,
    struct str enhanced, struct str why, struct moment now);
/* The delivery is over: its job goes on, or its message is finished. */
void local_end(struct local *l, struct delivery *d);

#endif
