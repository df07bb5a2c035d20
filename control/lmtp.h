/* SPDX-License-Identifier: ISC
 *
 * Connections to the LMTP sockets of the configuration, made for deliver-remote,
 * which has no file system. It says a name; only what the configuration has under
 * that name is ever connected to.
 */
#ifndef POSTERN_CONTROL_LMTP_H
#define POSTERN_CONTROL_LMTP_H

#include "common/channel.h"
#include "common/conf.h"

/* Makes the connection, without waiting for it, and sends the descriptor or why there is none. Who does not read
 * gets EAGAIN for a while; then false: it asks for more than it can ever take. */
bool lmtp_connect(struct channel *to, const struct conf *conf, uint32_t cookie, struct str name);

#endif
