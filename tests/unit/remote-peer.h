/* SPDX-License-Identifier: ISC
 *
 * A deliver-remote that a test plays, over real socket pairs: notes what it is
 * given and answers as the test says.
 */
#ifndef POSTERN_TESTS_REMOTE_PEER_H
#define POSTERN_TESTS_REMOTE_PEER_H

#include "queue/remote.h"

#include "common/answers.h"
#include "common/msg-queue-remote.h"

enum { REMOTE_PEERS = 4, REMOTE_SEEN_MAX = 4096 };

struct remote_seen {
	unsigned instance;
	uint64_t delivery, behind, id, size;
	uint16_t flags;
	uint8_t ret, notify;
	size_t count;
	uint16_t numbers[RECIPIENTS_PER_PACKET];
	char nexthop[64], reverse_path[64], envid[64], address[64], orcpt[64], content[64];
};

extern struct remote_seen remote_seen[REMOTE_SEEN_MAX];
extern size_t remote_seen_count;
/* Called with each delivery; NULL: none is answered. */
extern void (*remote_peer_on_delivery)(const struct remote_seen *s);

void remote_peer_start(struct remote *r, unsigned instance);
/* The connection breaks, as when it dies. */
void remote_peer_kill(unsigned instance);
/* Queue did not close it. */
bool remote_peer_lives(unsigned instance);
/* Kills all and forgets what was seen. */
void remote_peer_reset(void);

/* Answers for all recipients of the delivery alike. */
void remote_peer_answer(
    const struct remote_seen *s, enum delivery_outcome outcome, enum remote_verdict verdict);
/* The content of it is sent; it is given back. */
void remote_peer_content_sent(const struct remote_seen *s);
void remote_peer_return(const struct remote_seen *s);
void remote_peer_send(unsigned instance, const struct msg_remote_results *m);
/* Behaviours for remote_peer_on_delivery. */
void remote_peer_defer(const struct remote_seen *s);
void remote_peer_take(const struct remote_seen *s);

#endif
