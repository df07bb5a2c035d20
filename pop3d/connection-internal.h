/* SPDX-License-Identifier: ISC
 *
 * Between connection.c and connection-tls.c.
 */
#ifndef POSTERN_POP3D_CONNECTION_INTERNAL_H
#define POSTERN_POP3D_CONNECTION_INTERNAL_H

#include "pop3d/connection.h"

/* --- connection.c --- */

/* The one way to another state. */
void connection_enter(struct connection *c, enum connection_state state);
/* Sends what can be sent now; the rest when the socket takes it. */
void connection_flush(struct connection *c);
void connection_drop_events(struct connection *c);
/* Of `writable`. */
void connection_on_writable(evutil_socket_t fd, short what, void *arg);

/* --- connection-tls.c --- */

/* What the listener says of TLS. */
void connection_expect_tls(struct connection *c, const struct conf_listener *listener);
void connection_handshake_begin(struct connection *c);
void connection_handshake_go_on(struct connection *c);
/* It has had its time. */
void connection_handshake_late(struct connection *c);
/* As recv and send: octets of the dialogue, in TLS where there is one. */
ssize_t connection_get(struct connection *c, void *to, size_t n);
ssize_t connection_put(struct connection *c, struct str octets);
/* Input that TLS has ready, of which the socket will not tell. */
void connection_look_ahead(struct connection *c);
/* TLS stays here: the session gets a pipe. */
void connection_ask_for_pipe(struct connection *c);

/* --- connection-login.c --- */

/* LOGIN_BEGIN or LOGIN_RESPOND. */
void connection_ask(struct connection *c, enum login_next what);
/* directory need not keep what nobody goes on with. */
void connection_cancel(struct connection *c);

#endif
