/* SPDX-License-Identifier: ISC
 *
 * deliver-remote (client) asks resolver (server) for DNS answers.
 * The messages are in msg-remote-resolver.def.
 */
#ifndef POSTERN_MSG_REMOTE_RESOLVER_H
#define POSTERN_MSG_REMOTE_RESOLVER_H

#include "common/answers.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE remote_resolver
#define TABLE "common/msg-remote-resolver.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
