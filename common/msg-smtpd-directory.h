/* SPDX-License-Identifier: ISC
 *
 * smtpd (client) asks directory (server) who an address is.
 * The messages are in msg-smtpd-directory.def.
 */
#ifndef POSTERN_MSG_SMTPD_DIRECTORY_H
#define POSTERN_MSG_SMTPD_DIRECTORY_H

#include "common/auth.h"
#include "common/channel.h"
#include "common/envelope.h"

#define EDGE smtpd_directory
#define TABLE "common/msg-smtpd-directory.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
