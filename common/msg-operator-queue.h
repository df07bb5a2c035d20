/* SPDX-License-Identifier: ISC
 *
 * the operator's commands (client) ask queue (server) about its mail.
 * The messages are in msg-operator-queue.def.
 */
#ifndef POSTERN_MSG_OPERATOR_QUEUE_H
#define POSTERN_MSG_OPERATOR_QUEUE_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE operator_queue
#define TABLE "common/msg-operator-queue.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
