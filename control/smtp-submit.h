/* SPDX-License-Identifier: ISC
 *
 * One message handed over, in as many transactions as the server's limit of
 * recipients asks for.
 */
#ifndef POSTERN_CONTROL_SMTP_SUBMIT_H
#define POSTERN_CONTROL_SMTP_SUBMIT_H

#include "control/input.h"
#include "control/recipients.h"
#include "control/smtp-client.h"

#include "common/envelope.h"

struct smtp_message {
	struct str sender; /* complete; empty: the null sender */
	const struct recipients *recipients;
	unsigned notify; /* RFC 3461; 0: not given */
	enum ret ret;
	struct str envid;  /* empty: none */
	struct str header; /* with its empty line; CRLF */
	const struct input *input;
	uint64_t body; /* where in `input` the body begins */
};

/* A status of sysexits.h; anything but EX_OK was explained on stderr. When a recipient is refused
 * for good the others get the message, and the status tells. When one is refused for now nobody
 * gets it, so that trying again makes no duplicates. */
int smtp_submit(struct smtp_client *c, const struct smtp_message *m);

#endif
