/* SPDX-License-Identifier: ISC
 *
 * What packets say, and packets and descriptors on the socket of a channel; for channel.c alone.
 */
#ifndef POSTERN_CHANNEL_INTERNAL_H
#define POSTERN_CHANNEL_INTERNAL_H

#include "common/channel.h"

#include <sys/types.h>

enum { CHANNEL_FDS_MAX = 4, CHANNEL_GREETING = 0 /* no message has this number */ };

/* Those that are not -1. */
void channel_close_fds(const int *fds, size_t n);
enum channel_sent {
	CHANNEL_SENT,
	CHANNEL_FULL,	/* until the socket is writable */
	CHANNEL_SHORT,	/* of something that the socket does not know of: try again later */
	CHANNEL_FAILED, /* for good */
};
enum channel_sent channel_send_now(int fd, const uint8_t *data, size_t n, const int *fds, size_t nfds);
/* Octets received in a buffer of PACKET_MAX, 0 at the end, -1 when there is nothing now or (gone) for
 * good. What is `cut` had more octets or descriptors than any message, or there was no room for its
 * descriptors; `fds` has room for CHANNEL_FDS_MAX. */
ssize_t channel_receive(int fd, uint8_t *to, int *fds, size_t *nfds, bool *gone, bool *cut);

/* `v` is the struct edge_side of who greets. */
void channel_put_greeting(struct wire_writer *w, const void *v);
/* Whether it is that of the other side, and nothing behind it. */
bool channel_greeting_fits(const struct edge_side *side, struct wire_reader *r);
/* NULL: the edge has no such message. */
const struct msg_row *channel_find_row(const struct edge_side *side, uint16_t id);
/* The decoded message in the reader's pool, or NULL. */
void *channel_decode(const struct msg_row *row, struct wire_reader *r);

#endif
