/* SPDX-License-Identifier: ISC
 *
 * How a client of smtpd's is named in the log: "unknown[192.0.2.1]", as nobody asked DNS for the
 * name, or "local[uid 1000]".
 */
#ifndef POSTERN_CLIENT_NAME_H
#define POSTERN_CLIENT_NAME_H

#include "common/buf.h"

/* `client` as in the envelope: "[192.0.2.1]", "[IPv6:2001:db8::1]", "local uid 1000". */
void client_name_put(struct buf *b, struct str client);

#endif
