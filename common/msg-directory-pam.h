/* SPDX-License-Identifier: ISC
 *
 * directory (client) has pam-check (server) check passwords of users of the machine.
 * The messages are in msg-directory-pam.def.
 */
#ifndef POSTERN_MSG_DIRECTORY_PAM_H
#define POSTERN_MSG_DIRECTORY_PAM_H

#include "common/channel.h"
#include "common/envelope.h"

#define EDGE directory_pam
#define TABLE "common/msg-directory-pam.def"
#include "common/msg-declare.h"
#undef TABLE
#undef EDGE

#endif
