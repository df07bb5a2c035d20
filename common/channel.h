/* SPDX-License-Identifier: ISC
 *
 * One end of an edge: a SOCK_SEQPACKET socket to one peer that carries the
 * typed messages of that edge's table (common/msg-*.def).
 *
 * The first packet each way names the edge and its version. Nothing blocks:
 * what the socket does not take waits in memory up to CHANNEL_BACKLOG_MAX.
 * A peer that breaks the protocol, falls that far behind or goes away loses this
 * channel and nothing else: `closed` is called once, from the event loop, and
 * the owner then calls channel_free. What a peer had sent before it went away is
 * received first, also when sending to it has failed meanwhile.
 */
#ifndef POSTERN_CHANNEL_H
#define POSTERN_CHANNEL_H

#include "common/limits.h"
#include "common/wire.h"

#include <event2/event.h>

#define CHANNEL_BACKLOG_MAX ((size_t)64 * 1024 * 1024)

struct channel;

struct msg_row {
	const char *name;
	uint16_t id;
	uint16_t descriptors;
	size_t size; /* of the decoded struct */
	void (*get)(struct wire_reader *r, void *v);
	void (*put)(struct wire_writer *w, const void *v);
	bool (*call)(const void *handlers, void *ctx, const void *v, int *fds);
};

/* One side of an edge: the rows that this side receives. */
struct edge_side {
	const char *edge;
	uint16_t version;
	bool server;
	const struct msg_row *rows; /* ends with name == NULL */
};

/* How a channel ended. */
enum channel_end {
	CHANNEL_LEFT,	  /* the peer, or we, had enough */
	CHANNEL_STRANGER, /* the peer is of another version, or is not who it should be */
	CHANNEL_BROKEN,	  /* the peer broke the protocol, or did not read */
};

typedef void channel_closed_fn(void *ctx, struct channel *channel, const char *why);

/* Takes `fd`. `handlers` is the side's handler struct and lives as long as the channel. */
struct channel *channel_new(int fd, const struct edge_side *side, const void *handlers, void *ctx,
    channel_closed_fn *closed);
/* Closes and frees; allowed inside a handler and inside `closed`. NULL does nothing. */
void channel_free(struct channel *channel);
/* Octets that wait because the peer is slow. */
size_t channel_backlog(const struct channel *channel);
/* Whether nothing can be sent any more. */
bool channel_is_closed(const struct channel *channel);
/* The peer's credentials as the kernel gave them (SO_PEERCRED); false on failure. */
bool channel_peer_uid(const struct channel *channel, uint32_t *uid);
int channel_fd(const struct channel *channel);
/* For the line of the log that says how it ended: LOG_WARNING when that was the peer's fault, else
 * LOG_INFO. */
int channel_loss_level(const struct channel *channel);
/* `ended` is called for every channel of the process, when its descriptor is about to be closed. */
void channel_watch(void (*ended)(int fd, enum channel_end how));

/* For the generated msg_NAME_send only. */
bool channel_send(struct channel *channel, uint16_t id,
    void (*put)(struct wire_writer *, const void *), const void *v, const int *fds, size_t nfds);

/* Decodes one packet as `side` would and discards it: for the fuzzers. */
bool channel_try_packet(const struct edge_side *side, const uint8_t *p, size_t n, struct pool *pool);

#endif
