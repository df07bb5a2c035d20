/* SPDX-License-Identifier: ISC
 *
 * Sessions of users of the machine: their processes are pop3d-owner's, and are told
 * what to do over a channel (msg-session-child.def) that is also their leash.
 */
#ifndef POSTERN_SYSTEM_SESSIONS_H
#define POSTERN_SYSTEM_SESSIONS_H

#include "pop3d/sessions.h"

enum { SYSTEM_SESSION_OPEN_MS = 10000 };

void system_sessions_init(void);
/* A fresh end of the edge to pop3d-owner. */
void system_sessions_peer(int fd);
/* Takes the request; its end is told as that of any other session. */
void system_session_start(struct session_request *request, struct str address, uint32_t uid);

#endif
