/* SPDX-License-Identifier: ISC
 *
 * the operator's commands (client) ask control (server) about the suite.
 * The messages are in msg-operator-control.def.
 */
#ifndef POSTERN_MSG_OPERATOR_CONTROL_H
#define POSTERN_MSG_OPERATOR_CONTROL_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE operator_control
#define TABLE "common/msg-operator-control.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
