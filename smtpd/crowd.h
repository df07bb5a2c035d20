/* SPDX-License-Identifier: ISC
 *
 * All sessions of this worker, and who gives way when there are too many: the
 * longest idle one that is not in a transaction; failing that, one that has left
 * its transaction alone for CROWD_STRESS_MS.
 */
#ifndef POSTERN_SMTPD_CROWD_H
#define POSTERN_SMTPD_CROWD_H

#include "smtpd/session.h"

enum { CROWD_STRESS_MS = 10 * 1000 };

void crowd_setup(struct admission *admission); /* may be NULL */
void crowd_enter(struct session *s);
void crowd_leave(struct session *s);
/* The session did something: it goes to the end of the line that fits its state. */
void crowd_move(struct session *s);
size_t crowd_count(void);
/* Makes one give way; false when nobody can. */
bool crowd_give_way(void);
/* Counts the address in, over all workers; false when it has `limit` connections already. */
bool crowd_admit(const struct sockaddr *address, unsigned limit);
void crowd_dismiss(const struct sockaddr *address);
/* Ends those that have nothing under way (or all); calls `empty` once nobody is left, perhaps at
 * once. New sessions end after what they are at. */
void crowd_stop(bool all, void (*empty)(void));
bool crowd_is_stopping(void);

#endif
