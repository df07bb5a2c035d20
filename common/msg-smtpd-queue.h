/* SPDX-License-Identifier: ISC
 *
 * smtpd (client) hands messages to queue (server).
 * The messages are in msg-smtpd-queue.def.
 */
#ifndef POSTERN_MSG_SMTPD_QUEUE_H
#define POSTERN_MSG_SMTPD_QUEUE_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE smtpd_queue
#define TABLE "common/msg-smtpd-queue.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
