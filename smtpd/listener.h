/* SPDX-License-Identifier: ISC
 *
 * Listening sockets: accepts clients in small batches, lets them in or turns them
 * away with 421, and pauses when the system has nothing left to accept them with.
 */
#ifndef POSTERN_SMTPD_LISTENER_H
#define POSTERN_SMTPD_LISTENER_H

#include "smtpd/policy.h"

enum {
	LISTENER_BATCH = 16, /* so that the sessions there are get their turn */
	LISTENER_PAUSE_MS = 100,
};

/* For clients from now on; takes the reference. `connections_limit`: what the descriptors that this
 * process may have suffice for. */
void listener_set_policy(struct policy *policy, unsigned connections_limit);
/* Takes fd. `conf` is NULL where the configuration has no such listener (sendmail's). */
void listener_open(enum listener_kind kind, const struct conf_listener *conf, int fd);
/* keys has told what certificates there are: who waited for that is listened to. */
void listener_go_on(void);
void listener_close_all(void);

#endif
