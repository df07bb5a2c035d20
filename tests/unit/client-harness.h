/* SPDX-License-Identifier: ISC
 *
 * The SMTP client core with a mail and a record of what it said, for tests and
 * fuzzers.
 */
#ifndef POSTERN_TESTS_CLIENT_HARNESS_H
#define POSTERN_TESTS_CLIENT_HARNESS_H

#include "deliver-remote/client.h"

/* Results that were given, copied. */
struct harness_result {
	bool given;
	struct client_result r;
	char status[ENHANCED_CODE_MAX + 1];
	char reply[REMOTE_TEXT_MAX + 1];
	char text[CLIENT_TEXT_MAX];
};

/* A mail that the client was given, and what came of it. */
struct harness_sent {
	struct client_mail mail;
	struct client_recipient recipients[CLIENT_RECIPIENTS_MAX];
	struct harness_result results[CLIENT_RECIPIENTS_MAX];
	size_t given;
};

struct harness {
	/* To be set before harness_start, and the mail before harness_send. */
	struct client_policy policy;
	struct client_mail mail;
	struct client_recipient recipients[CLIENT_RECIPIENTS_MAX];
	struct buf content;
	bool unreadable;	  /* the content */
	uint64_t unreadable_from; /* from this octet on */

	struct client client;
	struct buf out;	 /* the client's own */
	struct buf sent; /* all it said, as one stream; the test consumes it */
	/* The last mail that was sent; the one before it when the last one went ahead, or one that
	 * was to go ahead and was not sent. */
	struct harness_sent slots[2], *last, *before;
	const char *broken;
};

void harness_init(struct harness *h);
void harness_add_recipient(struct harness *h, const char *address);
void harness_start(struct harness *h);
void harness_free(struct harness *h);
void harness_feed(struct harness *h, struct str in);
void harness_tls(struct harness *h);
/* The mail becomes the last one, for a test that gives it to the client itself. */
void harness_take_mail(struct harness *h);
void harness_send(struct harness *h);
/* Where the client may send ahead; false: it sent nothing, and the mail before is the last one. */
bool harness_send_ahead(struct harness *h);
void harness_withdraw(struct harness *h);
void harness_quit(struct harness *h);
void harness_close(struct harness *h);
void harness_timeout(struct harness *h);
/* NULL, or which invariant does not hold. */
const char *harness_check(const struct harness *h);
size_t harness_taken(const struct harness *h);

#endif
