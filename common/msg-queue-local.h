/* SPDX-License-Identifier: ISC
 *
 * queue (client) hands deliveries to deliver-local (server).
 * The messages are in msg-queue-local.def.
 */
#ifndef POSTERN_MSG_QUEUE_LOCAL_H
#define POSTERN_MSG_QUEUE_LOCAL_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE queue_local
#define TABLE "common/msg-queue-local.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
