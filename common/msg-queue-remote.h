/* SPDX-License-Identifier: ISC
 *
 * queue (client) hands deliveries to deliver-remote (server).
 * The messages are in msg-queue-remote.def.
 */
#ifndef POSTERN_MSG_QUEUE_REMOTE_H
#define POSTERN_MSG_QUEUE_REMOTE_H

#include "common/answers.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE queue_remote
#define TABLE "common/msg-queue-remote.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
