/* SPDX-License-Identifier: ISC
 *
 * The mailbox directories that are held open, the least recently used of which
 * give way. All are reached from the descriptor of the mailboxes' root, never
 * through a symbolic link. A mailbox that does not exist is made: tmp, new, cur
 * and the directories above them, with mode 0700.
 */
#ifndef POSTERN_MAILBOXES_H
#define POSTERN_MAILBOXES_H

#include "common/str.h"

#include <sys/queue.h>
#include <sys/types.h>

enum { MAILBOXES_OPEN_MAX = 256, MAILBOX_DESCRIPTORS = 2 };

struct earlier;

struct mailbox {
	TAILQ_ENTRY(mailbox) uses;
	struct str path; /* below the root; NUL-terminated */
	int root;	 /* borrowed */
	int tmp;
	int new;
	dev_t device;
	ino_t inode;		 /* of new */
	struct earlier *earlier; /* what lies in it; see earlier.h. NULL: not known */
};

struct mailboxes;

/* `root` stays open as long as it lives. */
struct mailboxes *mailboxes_new(int root, size_t max);
void mailboxes_free(struct mailboxes *m);
/* The mailbox at `path`, below the root and NUL-terminated; opened or made when need be. It lives
 * until the next call of any of these functions. 0 or an errno. */
int mailboxes_get(struct mailboxes *m, struct str path, struct mailbox **out);
/* Closes it: it was moved away or removed. */
void mailboxes_drop(struct mailboxes *m, struct mailbox *box);

#endif
