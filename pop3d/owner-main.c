/* SPDX-License-Identifier: ISC
 *
 * pop3d-owner: the small root parent of processes in which users of the machine read their
 * own Maildirs. Runs only where there are users of the machine who get mail.
 *
 *   runs as    root, with the capabilities to become somebody else; its processes: a user
 *   reads      the user database, by the C library; its processes: one Maildir
 *   writes     nothing; its processes: that Maildir
 *   talks to   pop3d-session, of which it takes numbers only; its processes: pop3d-session,
 *              which gives them one client
 *   may never  open anything below a directory that is not root's (its processes do, as the
 *              user); look at what a client sends; start a program
 */
#include "common/loop.h"
#include "common/msg-session-child.h"
#include "common/owner.h"
#include "pop3d/session-child.h"

#include <unistd.h>

static const struct system_place *here;
static struct channel *above;

static bool on_session_begin(void *ctx, const struct msg_session_begin *m, int *fds)
{
	(void)ctx;
	const struct session_start start = {.client = fds[0],
	    .parent = channel_fd(above),
	    .root = here->home,
	    .path = here->mailbox,
	    .address = m->address,
	    .peer = m->client,
	    .session = m->session,
	    .pending = m->pending,
	    .idle_ms = service_conf()->pop3.idle_timeout * (uint64_t)1000};
	msg_session_started_send(above, &(struct msg_session_started){}, NULL);
	session_child(&start);
}

static const struct session_child_server_handlers handlers = {.session_begin = on_session_begin};

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	(void)why;
	loop_exit();
}

__attribute__((noreturn)) static void work(int channel, const struct system_place *place)
{
	here = place;
	above = channel_new(channel, &session_child_server, &handlers, NULL, on_closed);
	loop_run();
	_exit(0);
}

int main(int argc, char **argv)
{
	static const struct owner_kind kind = {.program = PROGRAM_pop3d_owner,
	    .edge = EDGE_session_owner,
	    .processes_max = 0,
	    .per_user_max = 8,
	    .work = work};
	return owner_main(&kind, argc, argv);
}
