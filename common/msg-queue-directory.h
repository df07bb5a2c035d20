/* SPDX-License-Identifier: ISC
 *
 * queue (client) asks directory (server) where addresses go now.
 * The messages are in msg-queue-directory.def.
 */
#ifndef POSTERN_MSG_QUEUE_DIRECTORY_H
#define POSTERN_MSG_QUEUE_DIRECTORY_H

#include "common/answers.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE queue_directory
#define TABLE "common/msg-queue-directory.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
