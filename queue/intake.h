/* SPDX-License-Identifier: ISC
 *
 * Where mail comes in: the server side of common/msg-smtpd-queue.def, a channel for
 * each smtpd worker.
 *
 * Guarantees
 * - `committed` is sent after the spool said so, and only then does the message
 *   enter the active set.
 * - A submission that is refused, abandoned or whose channel closed before
 *   `committed` was sent is never delivered (P2): what the spool commits
 *   nevertheless is finished at once.
 * - A repeated submission is one message with the first, whether that one is still
 *   on its way to the disk, committed, or was recovered.
 * - A worker that breaks the protocol loses its channel; no worker can make queue
 *   hold more than PEER_OCTETS_MAX octets or TRANSACTIONS_MAX transactions.
 */
#ifndef POSTERN_QUEUE_INTAKE_H
#define POSTERN_QUEUE_INTAKE_H

#include "common/hash.h"
#include "queue/active.h"
#include "queue/contents.h"
#include "queue/tokens.h"

enum {
	INTAKE_PEERS = 64,
	TRANSACTIONS_MAX = 20000,
	PEER_OCTETS_MAX = 128 * 1024 * 1024, /* recipients, and contents on their way to the disk */
	TRACE_HEADER_MAX = 64 * 1024,	     /* what smtpd puts in front may pass the size limit */
};

struct intake_peer;
struct submission;

struct intake {
	struct active *active;
	struct tokens *tokens;
	struct contents *contents;
	struct spool *spool;  /* NULL: closed already; it sweeps up unused files when it opens */
	uint64_t message_max; /* octets */
	struct intake_peer *peers[INTAKE_PEERS];
	struct submission *under_way;
	int closed_error; /* 0: mail is taken; else why not */
};

/* Fresh channel to a worker; takes fd. An older one of that instance is rolled back. */
void intake_add_peer(struct intake *in, unsigned instance, int fd);
/* spool_events */
void intake_on_committed(
    struct intake *in, void *tag, uint64_t id, const struct spool_place *place, int error);
void intake_on_space(struct intake *in, bool open, int error);
/* Closes all channels; what the spool still has is rolled back when it comes. */
void intake_reset(struct intake *in);

#endif
