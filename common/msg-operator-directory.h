/* SPDX-License-Identifier: ISC
 *
 * the operator's commands (client) ask directory (server) about failed logins.
 * The messages are in msg-operator-directory.def.
 */
#ifndef POSTERN_MSG_OPERATOR_DIRECTORY_H
#define POSTERN_MSG_OPERATOR_DIRECTORY_H

#include "common/channel.h"
#include "common/limits.h"

#define EDGE operator_directory
#define TABLE "common/msg-operator-directory.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
