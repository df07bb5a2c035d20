/* SPDX-License-Identifier: ISC */
#include "deliver-local/worker-trouble.h"

#include <stddef.h>

#define LATER(code, words)                                                                         \
	{                                                                                          \
		DELIVERY_DEFERRED, code, words                                                     \
	}
#define REFUSED(code, words)                                                                       \
	{                                                                                          \
		DELIVERY_FAILED, code, words                                                       \
	}

static const struct worker_trouble users[] = {
    [USER_NONE] = REFUSED("5.1.1", "there is no such user any more"),
    [USER_BELOW] = REFUSED("5.1.1", "this user gets no mail as itself (uid-min, uid-max)"),
    [USER_FAILED] = LATER("4.3.0", "the users of the machine cannot be looked up now"),
};

static const struct worker_trouble refusals[] = {
    [OWNER_NOT_ALLOWED] = REFUSED("5.1.1", "this user gets no mail as itself (uid-min, uid-max)"),
    [OWNER_NONE] = REFUSED("5.1.1", "there is no such user any more"),
    [OWNER_BUSY] =
	LATER("4.3.2", "deliver-owner has no room for another process, or cannot look up the "
		       "user now"),
};

static const struct worker_trouble troubles[TROUBLE_COUNT] = {
    [0] = LATER("4.3.0", "the process that delivers for this user ended: see the log"),
    [TROUBLE_HOME] = LATER("4.3.5", "the user's home directory cannot be opened: make it, and give "
				    "it to the user"),
    [TROUBLE_HOME_OWNER] =
	LATER("4.3.5", "the user's home directory belongs to somebody else: give it to the user"),
    [TROUBLE_HOME_WRITABLE] =
	LATER("4.3.5", "others may write to the user's home directory: chmod go-w"),
    [TROUBLE_MAILBOX] = LATER("4.3.5",
	"the user's Maildir cannot be opened or made: see what lies there, and whose "
	"it is"),
    [TROUBLE_MAILBOX_OWNER] = LATER("4.3.5", "the user's Maildir belongs to somebody else, or "
					     "others may write to it: chown, chmod go-w"),
    [TROUBLE_MAILBOX_LINK] = LATER("4.3.5", "there is a symbolic link in the path of the user's "
					    "Maildir, and links are not followed: replace it by a "
					    "directory or a bind mount"),
    [TROUBLE_SPACE] = LATER("4.2.2", "the user's file system or quota is full: make room"),
};

const struct worker_trouble worker_slow =
    LATER("4.2.0", "the user's home directory does not answer: see its file system");
const struct worker_trouble worker_no_room =
    LATER("4.3.2", "too many users' mailboxes are being written to: it is tried again");

const struct worker_trouble *worker_no_user(enum user_verdict verdict)
{
	return &users[verdict == USER_NONE || verdict == USER_BELOW ? verdict : USER_FAILED];
}

const struct worker_trouble *worker_refused(enum owner_verdict verdict)
{
	return &refusals[verdict == OWNER_NOT_ALLOWED || verdict == OWNER_NONE ? verdict
									       : OWNER_BUSY];
}

const struct worker_trouble *worker_ended(enum owner_trouble trouble)
{
	return &troubles[trouble < TROUBLE_COUNT ? trouble : 0];
}
