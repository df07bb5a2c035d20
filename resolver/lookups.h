/* SPDX-License-Identifier: ISC
 *
 * Questions under way: the same one is asked of libunbound once, however many want to know.
 * Each who asks has a deadline of its own, after which the answer is DNS_TEMPORARY whatever
 * libunbound does; its answer then still fills the cache.
 */
#ifndef POSTERN_RESOLVER_LOOKUPS_H
#define POSTERN_RESOLVER_LOOKUPS_H

#include "resolver/upstream.h"

#include <sys/queue.h>

enum {
	LOOKUPS_MAX = 4096, /* different questions; each costs libunbound some 20 KiB */
	LOOKUPS_TICK_MS = 250,
};

struct lookup;

/* Embedded in who asks. */
struct asker {
	TAILQ_ENTRY(asker) link;
	struct lookup *lookup; /* NULL: does not wait */
	uint64_t until_ms;
};

/* `asker` does not wait any more and may be freed; nothing may be asked in here. `answer` lives
 * until the return. */
typedef void lookups_answer_fn(
    struct asker *asker, const struct question *question, const struct answer *answer);

void lookups_start(lookups_answer_fn *answer);
/* Frees everything, answers nobody. */
void lookups_end(void);
/* What is asked from now on; takes it, frees the one before, and asks what is under way anew. */
void lookups_use(struct upstream *upstream);
/* May answer before it returns. */
void lookups_ask(const struct question *question, struct asker *asker, uint64_t until_ms);
/* Nothing happens when it does not wait. */
void lookups_forget(struct asker *asker);
/* The packet or failure that answers question `cookie`: upstream's upstream_answer_fn. */
void lookups_on_answer(uint32_t cookie, const struct answer_input *input);
size_t lookups_count(void);

#endif
