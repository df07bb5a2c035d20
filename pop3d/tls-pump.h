/* SPDX-License-Identifier: ISC
 *
 * Between a client in TLS and the process of its session: octets both ways, of each at
 * most one record in memory. Who does not read is not read for.
 */
#ifndef POSTERN_POP3D_TLS_PUMP_H
#define POSTERN_POP3D_TLS_PUMP_H

#include "common/tls-stream.h"

enum { TLS_PUMP_ROOM = 16 * 1024 };

struct tls_pump;

/* `last_words`: the session is over, and what it said last is on its way; called then, and whenever
 * the client has taken some of it. It is called without at the end, and the pump may be freed in
 * that call. */
typedef void tls_pump_over_fn(void *ctx, bool last_words);

/* Takes `pipe`; the stream and its socket `fd` outlive the pump. */
struct tls_pump *tls_pump_new(
    struct tls_stream *tls, int fd, int pipe, tls_pump_over_fn *over, void *ctx);
/* NULL does nothing. */
void tls_pump_free(struct tls_pump *p);

#endif
