/* SPDX-License-Identifier: ISC */
#include "tests/unit/directory-peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

unsigned directory_peer_asked;
char directory_peer_last[ADDRESS_MAX + 1];
bool directory_peer_silent;
int directory_peer_told;

static struct channel *peer;
static const struct directory_row *rows;

static const struct directory_row *find_row(struct str address)
{
	struct str domain = str_skip(address, str_rfind(address, '@') + 1);
	const struct directory_row *row = rows;
	while (row->key != NULL && !str_eq(address, str_from_cstr(row->key)) &&
	       !str_caseeq(domain, str_from_cstr(row->key)))
		row++;
	return row;
}

static bool got_query(void *ctx, const struct msg_address_query *m, int *fds)
{
	const struct directory_row *row = find_row(m->address);
	struct route_target target = {.transport = row->transport,
	    .address = m->address,
	    .nexthop = str_from_cstr(row->nexthop)};
	const struct msg_address_answer answer = {.cookie = m->cookie,
	    .verdict = row->key == NULL ? RCPT_NO_MAILBOX : row->verdict,
	    .text = str_from_cstr(row->text),
	    .targets = &target,
	    .targets_count = row->transport != 0};
	(void)ctx;
	(void)fds;
	directory_peer_asked++;
	snprintf(directory_peer_last, sizeof(directory_peer_last), "%.*s", STR_ARG(m->address));
	if (!directory_peer_silent)
		directory_peer_send(&answer);
	return true;
}

static bool got_told(void *ctx, const struct msg_limit_told *m, int *fds)
{
	(void)ctx;
	(void)fds;
	directory_peer_told = m->told;
	return true;
}

static const struct queue_directory_server_handlers handlers = {
    .address_query = got_query, .limit_told = got_told};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)why;
	channel_free(channel);
	peer = NULL;
}

void directory_peer_start(struct router *r, const struct directory_row *list)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	rows = list;
	router_set_channel(r, pair[0]);
	peer = channel_new(pair[1], &queue_directory_server, &handlers, NULL, on_closed);
}

void directory_peer_kill(void)
{
	channel_free(peer);
	peer = NULL;
}

bool directory_peer_lives(void)
{
	return peer != NULL;
}

void directory_peer_changed(uint32_t generation)
{
	const struct msg_routes_changed m = {.generation = generation};
	msg_routes_changed_send(peer, &m, NULL);
}

void directory_peer_send(const struct msg_address_answer *m)
{
	msg_address_answer_send(peer, m, NULL);
}

void directory_peer_limit(const struct msg_limit_passed *m)
{
	msg_limit_passed_send(peer, m, NULL);
}
