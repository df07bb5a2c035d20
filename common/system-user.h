/* SPDX-License-Identifier: ISC
 *
 * Users of the machine who get their mail as themselves: which they are, and how a
 * process becomes one of them. Everything comes from the user database and the
 * configuration; nothing is believed of what somebody sent but a number.
 *
 * For programs outside any empty root (users, the root parents) alone: the look-ups go
 * through the C library's modules (nsswitch.conf), and may take long.
 */
#ifndef POSTERN_SYSTEM_USER_H
#define POSTERN_SYSTEM_USER_H

#include "common/answers.h"
#include "common/conf.h"
#include "common/limits.h"

#include <sys/types.h>

enum { SYSTEM_USER_HOME_MAX = 1024, SYSTEM_USER_GROUPS_MAX = 64 };

struct system_user {
	uid_t uid;
	gid_t gid;
	char name[USER_NAME_MAX + 1];
	char home[SYSTEM_USER_HOME_MAX];
};

/* The numbers that get mail as themselves: within uid-min and uid-max, and never root. */
bool system_user_may(const struct conf_system *conf, uint32_t uid);
/* May be called from threads. */
enum user_verdict system_user_find(const struct conf_system *conf, struct str name, uint32_t *uid);
enum owner_verdict system_user_get(
    const struct conf_system *conf, uint32_t uid, struct system_user *out);
/* Makes the C library load its modules; before the jail. */
void system_user_warm_up(void);

/* The place of a process that became a user. */
struct system_place {
	int home;	     /* open; also its root and current directory */
	const char *mailbox; /* below it: "Maildir"; lives as long as the configuration */
};

/* Called as root, by a process with one thread, in a forked child. From its first look at the home
 * on all is done as the user: the home must be the user's and nobody else's to write, the
 * mailbox likewise, and it is made when it is missing. 0 or why not (the process then has
 * nothing left to do but end). */
enum owner_trouble system_user_become(
    const struct system_user *user, const struct conf_system *conf, struct system_place *out);

#endif
