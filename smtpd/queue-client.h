/* SPDX-License-Identifier: ISC
 *
 * Handing complete messages to queue. A small one that queue did not answer
 * before it died is sent again on the fresh channel, marked as repeated; what has
 * no answer after QUEUE_TIMEOUT_MS, and a large one whose queue died, is
 * refused with 4xx.
 */
#ifndef POSTERN_SMTPD_QUEUE_CLIENT_H
#define POSTERN_SMTPD_QUEUE_CLIENT_H

#include "smtpd/smtp-server.h"

#include <sys/queue.h>

enum {
	QUEUE_TIMEOUT_MS = 60 * 1000,
	/* So long MAIL is still accepted while queue is away: it is back in a moment. */
	QUEUE_AWAY_MS = 5 * 1000,
	/* Messages wait here while this much waits in the channel. */
	QUEUE_BACKLOG_MAX = 16 * 1024 * 1024,
};

enum submission_state {
	SUBMISSION_NONE,
	SUBMISSION_FILE_ASKED, /* large_open: asked, or to be asked on the next channel */
	SUBMISSION_FILE_OPEN,
	SUBMISSION_FILE_LOST, /* the queue whose file it was is gone */
	SUBMISSION_WAITING,   /* to be sent, or sent again */
	SUBMISSION_SENT,
	SUBMISSION_LARGE_SENT,
};

/* One message under way; embedded in its session. All zero: none. */
struct submission {
	TAILQ_ENTRY(submission) link;
	enum submission_state state;
	bool repeated; /* an earlier queue may have it */
	uint32_t cookie;
	int fd; /* FILE_OPEN and LARGE_SENT */
	struct transaction *txn;
	uint64_t until_ms;
};

/* Each is called from the event loop or from within a function here. */
struct queue_client_events {
	void (*on_large_file)(struct submission *s, enum smtp_status status);
	void (*on_stored)(struct submission *s, uint64_t id);
	void (*on_not_stored)(struct submission *s, const struct reply *reply);
};

void queue_client_init(const struct queue_client_events *events);
/* A fresh channel to queue; takes fd. */
void queue_client_connect(int fd);
/* STATUS_NONE, or why no mail is taken now. */
enum smtp_status queue_client_may_take(void);
/* Asks for a file; on_large_file follows. */
void queue_client_large_open(struct submission *s);
enum smtp_status queue_client_large_write(struct submission *s, struct str octets);
/* The message is in `txn`, which stays as it is until on_stored, on_not_stored or
 * queue_client_abandon. */
void queue_client_submit(struct submission *s, struct transaction *txn);
/* Whatever is under way is not wanted any more; nothing happens when there is nothing. */
void queue_client_abandon(struct submission *s);
/* To be called about once a second. */
void queue_client_tick(uint64_t now_ms);
void queue_client_free(void);

#endif
