/* SPDX-License-Identifier: ISC */
#include "tests/unit/remote-peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct remote_seen remote_seen[REMOTE_SEEN_MAX];
size_t remote_seen_count;
void (*remote_peer_on_delivery)(const struct remote_seen *s);

static struct peer {
	unsigned instance;
	struct channel *channel;
} peers[REMOTE_PEERS];

static void copy(char *to, size_t n, struct str s)
{
	snprintf(to, n, "%.*s", STR_ARG(s));
}

static void note(
    const struct peer *p, const struct remote_delivery *d, struct str content, uint64_t size)
{
	if (remote_seen_count == REMOTE_SEEN_MAX)
		abort();
	struct remote_seen *s = &remote_seen[remote_seen_count++];
	*s = (struct remote_seen){.instance = p->instance,
	    .delivery = d->delivery,
	    .behind = d->behind,
	    .id = d->id,
	    .size = size,
	    .flags = d->flags,
	    .ret = d->ret,
	    .notify = d->targets[0].notify,
	    .count = d->targets_count};
	for (size_t i = 0; i < d->targets_count; i++)
		s->numbers[i] = d->targets[i].number;
	copy(s->nexthop, sizeof(s->nexthop), d->nexthop);
	copy(s->reverse_path, sizeof(s->reverse_path), d->reverse_path);
	copy(s->envid, sizeof(s->envid), d->envid);
	copy(s->address, sizeof(s->address), d->targets[0].address);
	copy(s->orcpt, sizeof(s->orcpt), d->targets[0].orcpt);
	copy(s->content, sizeof(s->content), content);
	if (remote_peer_on_delivery != NULL)
		remote_peer_on_delivery(s);
}

static bool got_deliver(void *ctx, const struct msg_deliver_remote *m, int *fds)
{
	(void)fds;
	note(ctx, &m->to, m->content, m->content.n);
	return true;
}

static bool got_deliver_large(void *ctx, const struct msg_deliver_remote_large *m, int *fds)
{
	char text[64];
	ssize_t n = pread(fds[0], text, sizeof(text), 0);
	note(ctx, &m->to, str_from(text, n < 0 ? 0 : (size_t)n), m->size);
	return true;
}

static const struct queue_remote_server_handlers handlers = {
    .deliver_remote = got_deliver,
    .deliver_remote_large = got_deliver_large,
};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct peer *p = ctx;
	(void)why;
	channel_free(channel);
	p->channel = NULL;
}

void remote_peer_start(struct remote *r, unsigned instance)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	remote_set_channel(r, instance, pair[0]);
	peers[instance].instance = instance;
	peers[instance].channel = channel_new(
	    pair[1], &queue_remote_server, &handlers, &peers[instance], on_closed);
}

void remote_peer_kill(unsigned instance)
{
	channel_free(peers[instance].channel);
	peers[instance].channel = NULL;
}

bool remote_peer_lives(unsigned instance)
{
	return peers[instance].channel != NULL;
}

void remote_peer_reset(void)
{
	for (unsigned i = 0; i < REMOTE_PEERS; i++)
		remote_peer_kill(i);
	remote_seen_count = 0;
	remote_peer_on_delivery = NULL;
}

void remote_peer_send(unsigned instance, const struct msg_remote_results *m)
{
	msg_remote_results_send(peers[instance].channel, m, NULL);
}

void remote_peer_content_sent(const struct remote_seen *s)
{
	const struct msg_content_sent m = {.delivery = s->delivery};
	msg_content_sent_send(peers[s->instance].channel, &m, NULL);
}

void remote_peer_return(const struct remote_seen *s)
{
	const struct msg_delivery_returned m = {.delivery = s->delivery};
	msg_delivery_returned_send(peers[s->instance].channel, &m, NULL);
}

void remote_peer_answer(
    const struct remote_seen *s, enum delivery_outcome outcome, enum remote_verdict verdict)
{
	struct remote_result results[RECIPIENTS_PER_PACKET];
	bool failed = outcome == DELIVERY_FAILED, taken = outcome == DELIVERY_TAKEN;
	for (size_t i = 0; i < s->count; i++)
		results[i] = (struct remote_result){.number = s->numbers[i],
		    .outcome = (uint8_t)outcome,
		    .status = taken ? STR("2.0.0") : failed ? STR("5.1.1") : STR("4.4.1"),
		    .mta = STR("mx.example.net"),
		    .reply = taken ? STR("250 2.0.0 queued") : failed ? STR("550 5.1.1 unknown") : STR(""),
		    .text = taken ? STR("250 2.0.0 queued")
				  : failed ? STR("mx.example.net said: 550 5.1.1 unknown")
					   : STR("connection refused")};
	const struct msg_remote_results m = {.delivery = s->delivery,
	    .verdict = (uint8_t)verdict,
	    .connect_ms = 1200,
	    .transmit_ms = 50,
	    .relay = STR("mx.example.net[192.0.2.1]:25"),
	    .results = results,
	    .results_count = s->count};
	remote_peer_send(s->instance, &m);
}

void remote_peer_defer(const struct remote_seen *s)
{
	remote_peer_answer(s, DELIVERY_DEFERRED, REMOTE_UNKNOWN);
}

void remote_peer_take(const struct remote_seen *s)
{
	remote_peer_answer(s, DELIVERY_TAKEN, REMOTE_WORKS);
}
