/* SPDX-License-Identifier: ISC
 *
 * A Maildir as a maildrop. new/ and cur/ are read once; a message that another
 * reader renames later is found again by its unique part. Messages stay where they
 * are: reading them by POP3 does not move them from new/ to cur/, so another
 * reader of the mailbox goes on seeing them as new, and a session that is cut
 * short leaves no trace.
 */
#ifndef POSTERN_MAILDIR_DROP_H
#define POSTERN_MAILDIR_DROP_H

#include "pop3d/maildrop.h"

enum {
	MAILDIR_DROP_MESSAGES_MAX = 4 * 1000 * 1000,
	MAILDIR_DROP_NAMES_MAX = 512 * 1024 * 1024, /* octets of all names */
};

/* `mailbox` is the directory, open for reading, and the caller's; -1: an empty maildrop. NULL with
 * errno when it cannot be read. Messages come in the order of their time, then name. */
struct maildrop *maildir_drop_open(int mailbox);
void maildir_drop_free(struct maildrop *drop);
/* Times that the directories were read, for the tests. */
unsigned maildir_drop_readings(const struct maildrop *drop);

#endif
