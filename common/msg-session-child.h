/* SPDX-License-Identifier: ISC
 *
 * pop3d-session (client) hands a connection to a process (server) that is the mailbox's owner.
 * The messages are in msg-session-child.def.
 */
#ifndef POSTERN_MSG_SESSION_CHILD_H
#define POSTERN_MSG_SESSION_CHILD_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE session_child
#define TABLE "common/msg-session-child.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
