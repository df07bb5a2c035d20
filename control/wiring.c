/* SPDX-License-Identifier: ISC */
#include "control/wiring.h"

#include <stddef.h>

enum { ONE = 0, WORKERS = 1, SYSTEM_USERS = 2, PAM = 3 };

#define PROGRAM(id, name, as, how)                                                                 \
	[PROGRAM_##id] = {.file = (name),                                                          \
	    .user = (as),                                                                          \
	    .instances = (how),                                                                    \
	    .admission = PROGRAM_##id == PROGRAM_smtpd || PROGRAM_##id == PROGRAM_pop3d,           \
	    .connects = PROGRAM_##id == PROGRAM_deliver_remote},
#define EDGE(id, from, to)
static const struct wiring_program programs[PROGRAM_COUNT] = {
#include "common/wiring.def"
};
#undef PROGRAM
#undef EDGE

#define PROGRAM(id, name, as, instances)
#define EDGE(id, from, to)                                                                         \
	[EDGE_##id] = {.name = #id, .client = PROGRAM_##from, .server = PROGRAM_##to},
static const struct wiring_edge edges[EDGE_COUNT] = {
#include "common/wiring.def"
};
#undef PROGRAM
#undef EDGE

static const enum program_id listens[] = {
    [LISTENER_SMTP] = PROGRAM_smtpd,
    [LISTENER_SENDMAIL] = PROGRAM_smtpd,
    [LISTENER_POP3] = PROGRAM_pop3d,
    [LISTENER_QUEUE] = PROGRAM_queue,
    [LISTENER_DIRECTORY] = PROGRAM_directory,
};

const struct wiring_program *wiring_program(enum program_id id)
{
	return id == PROGRAM_NONE || id >= PROGRAM_COUNT ? NULL : &programs[id];
}

const struct wiring_edge *wiring_edge(enum edge_id id)
{
	return id == EDGE_NONE || id >= EDGE_COUNT ? NULL : &edges[id];
}

/* From those that strangers talk to, up to those that are root or have the keys. No edge is between
 * two of the same rank. */
static const unsigned char ranks[PROGRAM_COUNT] = {
    [PROGRAM_smtpd] = 1,
    [PROGRAM_pop3d] = 1,
    [PROGRAM_deliver_remote] = 1,
    [PROGRAM_resolver] = 2,
    [PROGRAM_deliver_local] = 2,
    [PROGRAM_pop3d_session] = 2,
    [PROGRAM_users] = 3,
    [PROGRAM_directory] = 4,
    [PROGRAM_queue] = 5,
    [PROGRAM_keys] = 6,
    [PROGRAM_pam_check] = 6,
    [PROGRAM_deliver_owner] = 6,
    [PROGRAM_pop3d_owner] = 6,
};

unsigned wiring_rank(enum program_id id)
{
	return id >= PROGRAM_COUNT ? 0 : ranks[id];
}

enum program_id wiring_weaker(enum edge_id id)
{
	const struct wiring_edge *e = wiring_edge(id);
	if (e == NULL)
		return PROGRAM_NONE;
	return ranks[e->client] < ranks[e->server] ? e->client : e->server;
}

struct wiring_size wiring_size(const struct conf *conf)
{
	return (struct wiring_size){.workers = conf->workers,
	    .system_users = conf->system.domains.count > 0,
	    .pam = conf->system.domains.count > 0 && conf->system.pam};
}

unsigned wiring_instances(enum program_id id, struct wiring_size size)
{
	const struct wiring_program *p = wiring_program(id);
	if (p == NULL)
		return 0;
	switch (p->instances) {
	case WORKERS:
		return size.workers;
	case SYSTEM_USERS:
		return size.system_users;
	case PAM:
		return size.pam;
	default:
		return 1;
	}
}

enum program_id wiring_listens(enum listener_kind kind)
{
	size_t k = (size_t)kind;
	return k < sizeof(listens) / sizeof(listens[0]) ? listens[k] : PROGRAM_NONE;
}

static void each_pair_of_edge(enum edge_id id, struct wiring_size size, wiring_pair_fn *fn, void *ctx)
{
	const struct wiring_edge *e = &edges[id];
	for (unsigned c = 0; c < wiring_instances(e->client, size); c++) {
		for (unsigned s = 0; s < wiring_instances(e->server, size); s++) {
			const struct wiring_pair pair = {
			    .edge = id, .client = {e->client, c}, .server = {e->server, s}};
			fn(ctx, &pair);
		}
	}
}

void wiring_each_pair(struct wiring_size size, wiring_pair_fn *fn, void *ctx)
{
	for (enum edge_id id = EDGE_NONE + 1; id < EDGE_COUNT; id++)
		each_pair_of_edge(id, size, fn, ctx);
}

struct only {
	struct wiring_end end;
	wiring_pair_fn *fn;
	void *ctx;
};

static bool same_end(const struct wiring_end *a, const struct wiring_end *b)
{
	return a->program == b->program && a->instance == b->instance;
}

static void pass_if_its(void *ctx, const struct wiring_pair *pair)
{
	const struct only *only = ctx;
	if (same_end(&pair->client, &only->end) || same_end(&pair->server, &only->end))
		only->fn(only->ctx, pair);
}

void wiring_each_pair_of(struct wiring_end end, struct wiring_size size, wiring_pair_fn *fn, void *ctx)
{
	struct only only = {end, fn, ctx};
	wiring_each_pair(size, pass_if_its, &only);
}
