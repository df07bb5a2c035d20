/* SPDX-License-Identifier: ISC
 *
 * deliver-owner: the small root parent of processes that put mail into users' own
 * Maildirs. Runs only where there are users of the machine who get mail.
 *
 *   runs as    root, with the capabilities to become somebody else; its processes: a user
 *   reads      the user database, by the C library; its processes: one Maildir
 *   writes     nothing; its processes: that Maildir
 *   talks to   deliver-local, of which it takes numbers only
 *   may never  open anything below a directory that is not root's (its processes do, as the
 *              user); look at mail; start a program; use the network but for look-ups
 */
#include "common/limits.h"
#include "common/loop.h"
#include "common/owner.h"
#include "deliver-local/serve.h"

#include <unistd.h>

static void on_gone(void)
{
	loop_exit();
}

__attribute__((noreturn)) static void work(int channel, const struct system_place *place)
{
	const struct serve_hooks hooks = {.gone = on_gone};
	serve_use(service_conf()->hostname, NULL, place->mailbox);
	serve_start(place->home, &hooks);
	serve_channel(channel);
	loop_run();
	log_flush();
	_exit(0);
}

int main(int argc, char **argv)
{
	static const struct owner_kind kind = {.program = PROGRAM_deliver_owner,
	    .edge = EDGE_local_owner,
	    .processes_max = OWNER_DELIVERIES_MAX,
	    .per_user_max = 2,
	    .work = work};
	return owner_main(&kind, argc, argv);
}
