/* SPDX-License-Identifier: ISC
 *
 * Answers user_query (msg-users.def) from the user database.
 */
#ifndef POSTERN_DIRECTORY_USERS_H
#define POSTERN_DIRECTORY_USERS_H

#include "common/conf.h"
#include "common/wiring.h"

enum {
	USERS_THREADS = 4,
	USERS_QUEUE_MAX = 1024,	   /* questions that wait; more are answered USER_FAILED */
	USERS_LOOK_MS = 1000,	   /* how often the password file is looked at */
	USERS_CHANGED_MS = 300000, /* other databases do not tell: as if they had changed */
};

void users_start(const struct conf *conf);
void users_peer(enum edge_id edge, unsigned instance, int fd);

#endif
