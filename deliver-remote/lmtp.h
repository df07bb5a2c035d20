/* SPDX-License-Identifier: ISC
 *
 * Connections to the LMTP sockets that the configuration names: control makes them, as this
 * program has no file system to find them in.
 */
#ifndef POSTERN_REMOTE_LMTP_H
#define POSTERN_REMOTE_LMTP_H

#include <stdint.h>

enum { LMTP_TIMEOUT_MS = 30 * 1000 };

/* `fd` is the callee's; -1: `error` is an errno. */
typedef void lmtp_fn(void *ctx, int fd, int error);

struct lmtp_request;

/* `fn` is called once, from the event loop, unless it is forgotten before. */
struct lmtp_request *lmtp_connect(const char *name, lmtp_fn *fn, void *ctx);
/* NULL does nothing. */
void lmtp_forget(struct lmtp_request *request);
/* control's answer (struct service); takes fd. */
void lmtp_on_socket(uint32_t cookie, int fd, int error);

#endif
