/* SPDX-License-Identifier: ISC
 *
 * pop3d (client) hands an authenticated connection to pop3d-session (server).
 * The messages are in msg-pop3d-session.def.
 */
#ifndef POSTERN_MSG_POP3D_SESSION_H
#define POSTERN_MSG_POP3D_SESSION_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE pop3d_session
#define TABLE "common/msg-pop3d-session.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
