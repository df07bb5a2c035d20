/* SPDX-License-Identifier: ISC
 *
 * Has this delivery been made earlier? For a repeated delivery the mailbox is
 * searched, new/ and cur/, for a file of the delivery's name.
 *
 * A mailbox may hold 100,000 files and a crash may repeat thousands of
 * deliveries, so the first search remembers (as hashes) the deliveries that the
 * mailbox holds. Only deliver-local ever adds such names, so what is not
 * remembered is not there; what is remembered is looked for again, as readers
 * rename and remove.
 */
#ifndef POSTERN_EARLIER_H
#define POSTERN_EARLIER_H

#include "deliver-local/mailboxes.h"
#include "deliver-local/maildir-name.h"

struct earlier;

struct earlier_file {
	bool found;
	int dir; /* new or cur; the caller closes it with earlier_close */
	bool in_cur;
	char name[MAILDIR_NAME_SIZE];
};

/* `exact`: the name that it has in new/ when no reader touched it, or NULL when that is not known.
 * 0 or an errno. */
int earlier_find(struct mailbox *box, const struct maildir_name *name, const char *exact,
    struct earlier_file *out);
void earlier_close(struct earlier_file *file);
/* A delivery was made. */
void earlier_add(struct mailbox *box, const struct maildir_name *name);
void earlier_free(struct earlier *e);

#endif
