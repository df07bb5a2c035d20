/* SPDX-License-Identifier: ISC
 *
 * pop3d (client) asks directory (server) whether a password is right.
 * The messages are in msg-pop3d-directory.def.
 */
#ifndef POSTERN_MSG_POP3D_DIRECTORY_H
#define POSTERN_MSG_POP3D_DIRECTORY_H

#include "common/auth.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE pop3d_directory
#define TABLE "common/msg-pop3d-directory.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
