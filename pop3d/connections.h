/* SPDX-License-Identifier: ISC
 *
 * All clients of a login worker: who is let in, who must go when places run
 * short, and who is meant by a cookie.
 */
#ifndef POSTERN_POP3D_CONNECTIONS_H
#define POSTERN_POP3D_CONNECTIONS_H

#include "common/conf.h"
#include "pop3d/connection.h"

/* Once, before the first client. */
void connections_init(struct worker *worker);
/* A client has connected, by an address that may be mapped (client-unmap.h); takes fd. Whoever has
 * been idle longest gives way when there is no place. */
void connections_accept(int fd, union client *client, const struct conf_listener *listener,
    const struct conf *conf);
/* Makes the longest idle client give way; false when there is none. */
bool connections_evict(void);
/* NULL when that client is gone. */
struct connection *connections_find(uint32_t cookie);
/* Calls fn for each; fn may end that one. */
void connections_each(void (*fn)(struct connection *c));
/* Closes all that no session has. */
void connections_close_all(void);

#endif
