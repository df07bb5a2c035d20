/* SPDX-License-Identifier: ISC
 *
 * deliver-remote (client) asks directory (server) how to reach a nexthop.
 * The messages are in msg-remote-directory.def.
 */
#ifndef POSTERN_MSG_REMOTE_DIRECTORY_H
#define POSTERN_MSG_REMOTE_DIRECTORY_H

#include "common/answers.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE remote_directory
#define TABLE "common/msg-remote-directory.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
