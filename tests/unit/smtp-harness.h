/* SPDX-License-Identifier: ISC
 *
 * The SMTP server core with a directory and a queue of a few lines around it, for
 * tests and fuzzers. Who exists is described in tests/dialogs/README.
 */
#ifndef POSTERN_TESTS_SMTP_HARNESS_H
#define POSTERN_TESTS_SMTP_HARNESS_H

#include "smtpd/smtp-server.h"

struct harness {
	/* To be set before harness_start. */
	struct smtp_policy policy;
	bool own_network;
	bool submission;
	const char *login; /* NULL: nobody; owns ann..., sales@ of example.org */
	unsigned recipients_left; /* of its limit; 0: has none */
	bool over_limit_hold;
	struct smtp_auth auth;
	bool tls;
	const char *client;
	bool deferred; /* answers come after smtp_server_feed has returned */
	bool queue_closed;
	bool queue_no_file;
	bool queue_full_disk;
	struct reply queue_refusal; /* code 0: it takes everything */

	struct smtp_server server;
	struct buf out;	    /* replies, as one stream; the test consumes it */
	struct buf replies; /* the server's own buffer */
	struct buf in;	    /* not consumed yet */
	uint64_t now_ms;
	bool file_open;
	/* What is to be answered. */
	bool rcpt_asked, sender_asked, file_asked, submitted, auth_asked;
	bool auth_open; /* an exchange is under way */
	unsigned auth_mechanism, auth_step;
	bool auth_has_message;
	char auth_message[AUTH_MESSAGE_MAX];
	size_t auth_size;
	struct buf file;
	/* The last message. */
	unsigned messages;
	unsigned refusals;
	unsigned abandoned;
	struct buf content;
	struct pool *pool;
	struct envelope envelope;
	struct recipient *recipients;
	size_t recipient_count;
	bool broken; /* the server used its ops in a wrong order; see `why` */
	const char *why;
};

/* The documented defaults. */
void harness_init(struct harness *h);
void harness_start(struct harness *h);
void harness_free(struct harness *h);
/* Feeds all of it, as far as the server takes it, and gives the answers that were asked for. */
void harness_feed(struct harness *h, struct str in);
/* As one would expect of a fresh server that has had this content: invariants that hold at any
 * time. NULL or what does not. */
const char *harness_check(const struct harness *h);
/* Every line of what the server said is a proper reply line. NULL or what is not. */
const char *harness_check_replies(struct str replies);

#endif
