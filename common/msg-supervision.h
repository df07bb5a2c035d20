/* SPDX-License-Identifier: ISC
 *
 * control (client) and every program it started (server).
 * The messages are in msg-supervision.def.
 */
#ifndef POSTERN_MSG_SUPERVISION_H
#define POSTERN_MSG_SUPERVISION_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE supervision
#define TABLE "common/msg-supervision.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
