/* SPDX-License-Identifier: ISC
 *
 * What the tables and the configuration say that a process may have.
 */
#include "control/audit-judge.h"
#include "common/limits.h"
#include "control/privilege.h"
#include "control/wiring.h"

enum { CHILD_CHANNELS = 1 };

struct counted {
	struct wiring_end end;
	unsigned pairs;
	bool queue_client, queue_server;
};

static void count_pair(void *ctx, const struct wiring_pair *pair)
{
	struct counted *c = ctx;
	c->pairs++;
	c->queue_server |= pair->server.program == PROGRAM_queue;
	c->queue_client |=
	    pair->client.program == PROGRAM_queue && pair->server.program != PROGRAM_directory;
}

static void add_edges(struct audit_claim *claim, const struct conf *conf, enum program_id program)
{
	struct counted c = {.end = {program, 0}};
	wiring_each_pair_of(c.end, wiring_size(conf), count_pair, &c);
	claim->channels = 1 + c.pairs;
	if (program == PROGRAM_queue)
		return;
	claim->spool_files = c.queue_server || c.queue_client;
	claim->spool_write = c.queue_server;
}

/* One for each process of a user that the root parents may make; and those have both ends of one in
 * their hands between making it and giving it away. */
static unsigned users_channels(const struct audit_claim *claim, enum program_id program)
{
	enum { BOTH_ENDS = 2 };
	if (claim->child || !wiring_size(claim->conf).system_users)
		return 0;
	if (claim->sockets & SOCKETS_CHANNELS)
		return program == PROGRAM_deliver_local ? OWNER_DELIVERIES_MAX
							: claim->conf->pop3.sessions_max;
	return program == PROGRAM_deliver_owner || program == PROGRAM_pop3d_owner ? BOTH_ENDS : 0;
}

/* What only those with users of the machine have. */
static void add_users(struct audit_claim *claim, enum program_id program)
{
	claim->channels += users_channels(claim, program);
	claim->bounding = jail_capabilities(program);
	claim->caps = claim->child ? 0 : claim->bounding;
	claim->anybody = claim->child && (claim->calls & SANDBOX_ANY);
	if (claim->anybody)
		claim->caps = claim->bounding;
	/* Its children keep its filter, and have none of their own. */
	if (claim->calls & SANDBOX_ANY)
		claim->filters = 1;
	/* deliver-local passes it what queue has given. */
	if (claim->child && program == PROGRAM_deliver_owner)
		claim->spool_files = true;
}

struct audit_claim audit_claim_of(const struct conf *conf, enum program_id program, bool child)
{
	const struct jail *jail = jail_of(program);
	struct audit_claim claim = {.conf = conf,
	    .program = program,
	    .child = child,
	    .calls = child ? jail_child_calls(program) : jail->calls,
	    .sockets = child ? jail_child_sockets(program) : jail->sockets,
	    .filters = child ? 2 : 1,
	    .place = jail_directory(program, conf),
	    .reads = child ? NULL : jail_also_reads(program, conf),
	    .place_writes = jail_place_is_writable(jail->place),
	    .place_is_root = jail_place_is_root(jail->place)};
	if (claim.place != NULL && jail->place == PLACE_ANCHOR)
		claim.calls |= SANDBOX_FILES_READ | SANDBOX_FILES_WRITE;
	if (child)
		claim.channels = CHILD_CHANNELS;
	else
		add_edges(&claim, conf, program);
	add_users(&claim, program);
	return claim;
}

struct audit_claim audit_claim_of_control(const struct conf *conf)
{
	struct audit_claim claim = {.conf = conf,
	    .calls = SANDBOX_FORK,
	    .sockets = SOCKETS_TCP_LISTEN | SOCKETS_UNIX_LISTEN | SOCKETS_UNIX,
	    .caps = privilege_kept(),
	    .bounding = privilege_kept()};
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		claim.channels += wiring_instances(id, wiring_size(conf));
	return claim;
}
