/* SPDX-License-Identifier: ISC
 *
 * directory and deliver-local (clients) ask users (server) who is a user of the machine.
 * The messages are in msg-users.def.
 */
#ifndef POSTERN_MSG_USERS_H
#define POSTERN_MSG_USERS_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE users
#define TABLE "common/msg-users.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
