/* SPDX-License-Identifier: ISC
 *
 * One file into one Maildir.
 *
 * The file is written to tmp/ and renamed into new/ without ever replacing
 * another (renameat2, RENAME_NOREPLACE): one call instead of link and unlink, and
 * no moment in which it has two names. Nothing is synced here (group-sync.h).
 *
 * A repeated delivery first looks for the file of its name in new/ and cur/. If
 * that is the message to the last octet, as the disk has it, it is the delivery; if not (a power
 * cut came before the sync) it is replaced where it lies, under the name it has.
 */
#ifndef POSTERN_MAILDIR_H
#define POSTERN_MAILDIR_H

#include "deliver-local/content.h"
#include "deliver-local/maildir-name.h"
#include "deliver-local/mailboxes.h"

enum maildir_outcome {
	MAILDIR_WRITTEN,
	MAILDIR_FOUND,	  /* it was there already */
	MAILDIR_REPLACED, /* something incomplete was there */
};

struct maildir_message {
	struct maildir_name name;
	const struct content *content;
	struct str added; /* the fields of this delivery, CRLF lines */
};

/* 0 or an errno; on failure nothing is left in tmp/. ENOENT: the mailbox went away meanwhile. */
int maildir_deliver(struct mailbox *box, const struct maildir_message *message, bool repeat,
    enum maildir_outcome *outcome);

#endif
