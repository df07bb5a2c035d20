/* SPDX-License-Identifier: ISC
 *
 * users: who is a user of the machine. Runs only where there are system users.
 *
 * Runs as:    postern-users; outside any empty root, since the name service wants its files
 *             and sockets, and below Landlock, which lets it read what its modules need and
 *             nothing else.
 * Reads:      /etc/passwd, and whatever nsswitch.conf names (common/jail.c: jail_machine).
 * Writes:     nothing.
 * Talks to:   directory and deliver-local, which it does not trust.
 * May never:  be root, see a password or mail, start a program.
 *
 * A look-up may take long (a server far away), so it is done on a thread.
 */
#include "common/service.h"
#include "common/system-user.h"
#include "directory/users.h"

static void before_jail(struct service *self, const struct conf *conf)
{
	(void)self;
	(void)conf;
	system_user_warm_up();
}

static struct service service = {
    .program = PROGRAM_users,
    .sandbox = {.files_max = 256},
    .before_jail = before_jail,
    .in_jail = users_start,
    .on_peer = users_peer,
};

int main(int argc, char **argv)
{
	return service_main(&service, argc, argv);
}
