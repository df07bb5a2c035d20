/* SPDX-License-Identifier: ISC
 *
 * libunbound: the cache, the validator, and the sockets to other name servers, on the event
 * loop. One at a time is in use; a new configuration makes a new one.
 */
#ifndef POSTERN_RESOLVER_UPSTREAM_H
#define POSTERN_RESOLVER_UPSTREAM_H

#include "common/conf.h"
#include "resolver/anchor.h"
#include "resolver/answer.h"

enum {
	UPSTREAM_UDP_MAX = 256, /* sockets for questions under way; more of them wait */
	UPSTREAM_TCP_MAX = 32,
};

struct upstream;

/* `input` lives until it returns. May be called from inside upstream_ask, never from inside
 * upstream_free. */
typedef void upstream_answer_fn(uint32_t cookie, const struct answer_input *input);

/* Opens no socket and looks nothing up. NULL when the configuration cannot be put into practice,
 * which is logged. */
struct upstream *upstream_new(
    const struct conf_resolver *conf, const struct anchor *anchor, upstream_answer_fn *answer);
/* Its questions are never answered. Not from inside an answer. */
void upstream_free(struct upstream *u);
/* `cookie` names the question in its answer. False: it cannot be asked, and no answer comes. */
bool upstream_ask(struct upstream *u, const struct question *question, uint32_t cookie);

/* "192.0.2.1", "[2001:db8::1]:5353" as libunbound has it: "2001:db8::1@5353". False when it is no
 * address. `port`: what is named, or 53. */
#define UPSTREAM_ADDRESS_SIZE 64
bool upstream_forwarder(const char *text, char out[UPSTREAM_ADDRESS_SIZE], uint16_t *port);

#endif
