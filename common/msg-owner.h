/* SPDX-License-Identifier: ISC
 *
 * deliver-local and pop3d-session (clients) ask their small root parents (servers) for processes of users.
 * The messages are in msg-owner.def.
 */
#ifndef POSTERN_MSG_OWNER_H
#define POSTERN_MSG_OWNER_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE owner
#define TABLE "common/msg-owner.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
