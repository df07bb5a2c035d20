/* SPDX-License-Identifier: ISC
 *
 * The client side of common/msg-queue-directory.def: where mail for an address
 * goes now. An ask is answered once, by directory, however often it dies
 * meanwhile: what was not answered is asked again on the fresh channel.
 */
#ifndef POSTERN_QUEUE_ROUTER_H
#define POSTERN_QUEUE_ROUTER_H

#include "common/msg-queue-directory.h"

struct router;

/* `tag` is the asker's. The answer lives until the return. */
typedef void router_answer_fn(void *ctx, uint64_t tag, const struct msg_address_answer *answer);
/* Routes may be others than before. */
typedef void router_changed_fn(void *ctx, uint32_t generation);

/* directory has something to tell the operator. False: it breaks the protocol. The message lives
 * until the return. */
typedef bool router_limit_fn(void *ctx, const struct msg_limit_passed *m);

struct router *router_new(router_changed_fn *on_changed, void *ctx);
/* What was asked is not answered any more. */
void router_free(struct router *r);
/* Fresh channel; takes fd. */
void router_set_channel(struct router *r, int fd);
/* `address` is copied. */
void router_ask(
    struct router *r, struct str address, router_answer_fn *answer, void *ctx, uint64_t tag);
/* Without one directory's are answered with "not now". */
void router_set_limits(struct router *r, router_limit_fn *on_limit, void *ctx);
/* The operator has been told; false: cannot be now. */
void router_limit_told(struct router *r, uint64_t token, bool told);
/* Asks without an answer. */
size_t router_pending(const struct router *r);

#endif
