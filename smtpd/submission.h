/* SPDX-License-Identifier: ISC
 *
 * What a submission server (RFC 6409) does that a relay must not: it completes the
 * header, and lets users speak for their own addresses only.
 *
 * Bcc goes, Date, Message-ID and From come where they are missing, addresses without a
 * domain get the user's (§8): on listeners for submission only. Whose the reverse-path
 * and the addresses in From are is asked of directory for everybody who logged in;
 * with the same question the recipients are counted against the user's limits.
 */
#ifndef POSTERN_SMTPD_SUBMISSION_H
#define POSTERN_SMTPD_SUBMISSION_H

#include "common/limits.h"
#include "smtpd/smtp-server.h"

enum {
	/* Of the header of a submitted message, whatever header-max says; and what it may become.
	 */
	SUBMITTED_HEADER_MAX = 256 * 1024,
	COMPLETED_HEADER_MAX = 512 * 1024,
};

/* Whether this session's mail is a submission: its header is held back until it is whole. */
bool submission_applies(const struct smtp_server *s);
/* MAIL's address: true when directory was asked (smtp_server_on_sender follows), or *status. */
bool submission_check_sender(struct smtp_server *s, enum smtp_status *status);
/* The header stands whole in s->txn.body: completes it, and asks about it. True when directory was
 * asked; else *status is STATUS_NONE, or why the message is refused. */
bool submission_take_header(struct smtp_server *s, enum smtp_status *status);
/* What directory's answer means; holds the message's recipients where it says so. */
enum smtp_status submission_decide(struct smtp_server *s, enum sender_verdict verdict);
/* Refuses with the address in the reply, when the status is about one and only one was asked about;
 * false: it is not, and nothing was done. */
bool submission_conclude(struct smtp_server *s, enum smtp_status status);

#endif
