/* SPDX-License-Identifier: ISC
 *
 * deliver-local: puts mail into mailboxes.
 *
 *   runs as    postern-mail, with the mailboxes' directory as its root
 *   reads      the mailboxes; descriptors of large messages that queue passes
 *   writes     the mailboxes
 *   talks to   queue, whose orders it takes; users and deliver-owner, where there are users
 *              of the machine
 *   may never  open a path from outside, follow a symbolic link, start a program, use the network
 *
 * Mail for users of the machine goes on, where the configuration has them, to processes
 * that are these users (system-mail.h, workers.h).
 */
#include "common/mailbox-root.h"
#include "common/service.h"
#include "deliver-local/serve.h"
#include "deliver-local/system-mail.h"
#include "deliver-local/workers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	FILES_MAX = MAILBOXES_OPEN_MAX * MAILBOX_DESCRIPTORS + GROUP_SYNC_FILE_SYSTEMS + WORKERS_MAX + 1024,
};

static char *root; /* path, as it was at the start */

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	switch (edge) {
	case EDGE_queue_local:
		serve_channel(fd);
		break;
	case EDGE_local_users:
		workers_set_users(fd);
		break;
	case EDGE_local_owner:
		workers_set_owner(fd);
		break;
	default:
		close(fd);
	}
}

static void before_jail(struct service *self, const struct conf *conf)
{
	root = mailbox_root_path(conf);
	mailbox_root_make(root, self->user);
}

static void in_jail(const struct conf *conf)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		log_fatal(EX_NOPERM,
		    "the mailboxes' directory %s cannot be read: %m. Give it to the user "
		    "that deliver-local runs as",
		    root);
	serve_use(conf->hostname, conf->mailboxes, NULL);
	serve_start(fd, system_mail_start(conf));
}

/* The jail was made around the old root. */
static void on_reload(const struct conf *conf)
{
	char *fresh = mailbox_root_path(conf);
	bool moved = strcmp(fresh, root) != 0;
	free(fresh);
	system_mail_use(conf);
	if (!moved)
		serve_use(conf->hostname, conf->mailboxes, NULL);
	else
		log_message(LOG_ERR,
		    "\"mailboxes\" names another directory now: mail is delivered below %s "
		    "until the suite is stopped and started again",
		    root);
}

static struct service deliver_local = {
    .program = PROGRAM_deliver_local,
    .sandbox = {.files_max = FILES_MAX},
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = on_peer,
    .on_reload = on_reload,
    .on_stop = serve_stop,
};

int main(int argc, char **argv)
{
	return service_main(&deliver_local, argc, argv);
}
