/* SPDX-License-Identifier: ISC
 *
 * smtpd and pop3d (clients) have keys (server) sign for them.
 * The messages are in msg-keys.def.
 */
#ifndef POSTERN_MSG_KEYS_H
#define POSTERN_MSG_KEYS_H

#include "common/answers.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE keys
#define TABLE "common/msg-keys.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
