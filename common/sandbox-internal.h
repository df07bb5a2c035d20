/* SPDX-License-Identifier: ISC
 *
 * The mechanisms of the jail, in the order in which sandbox_enter uses them.
 * Each ends the program when it cannot do its part.
 */
#ifndef POSTERN_SANDBOX_INTERNAL_H
#define POSTERN_SANDBOX_INTERNAL_H

#include "common/sandbox.h"

/* The numbers of `user`, looked up while the password file can still be read. */
struct sandbox_identity {
	bool change; /* started as root */
	unsigned uid;
	unsigned gid;
};
struct sandbox_identity sandbox_find_user(const char *user);
/* Root directory (or current directory), groups, user, bounding set. */
void sandbox_become(const struct sandbox_identity *who, const char *root);

/* A ruleset for the paths, -1 when the kernel has no Landlock. Before the root changes. */
int sandbox_landlock_prepare(const struct sandbox *s);
/* One that keeps nothing but signals within the program and its children; -1: the kernel cannot. */
int sandbox_landlock_prepare_signals(void);
/* Puts it in force and closes it. */
void sandbox_landlock_enforce(int ruleset);

void sandbox_limit(const struct sandbox *s);

/* The filter; anything that is not on its list kills the program. */
void sandbox_filter(unsigned calls);

#endif
