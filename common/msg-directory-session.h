/* SPDX-License-Identifier: ISC
 *
 * directory (client) tells pop3d-session (server) which login may open which mailbox.
 * The messages are in msg-directory-session.def.
 */
#ifndef POSTERN_MSG_DIRECTORY_SESSION_H
#define POSTERN_MSG_DIRECTORY_SESSION_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE directory_session
#define TABLE "common/msg-directory-session.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
