/* SPDX-License-Identifier: ISC
 *
 * directory: who is this address, where does it go, is this password right.
 *
 * Runs as:    postern-dir, in an empty root.
 * Reads:      the compiled tables (*.db in "tables"), through one descriptor.
 * Writes:     nothing.
 * Talks to:   smtpd, pop3d and deliver-remote, which it does not trust; queue, pop3d-session.
 * May never:  show a password hash, or a password but for a relay; open a socket, follow a path it
 * was sent.
 */
#include "common/service.h"
#include "directory/server.h"

#include <fcntl.h>
#include <sysexits.h>

static int tables_fd = -1;

static void before_jail(struct service *self, const struct conf *conf)
{
	(void)self;
	tables_fd = open(conf->tables, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tables_fd < 0)
		log_fatal(
		    EX_NOINPUT, "%s: %m: make the directory, or set \"tables\"", conf->tables);
}

static void in_jail(const struct conf *conf)
{
	server_start(conf, tables_fd);
}

static struct service directory = {
    .program = PROGRAM_directory,
    .sandbox = {.files_max = 512},
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = server_peer,
    .on_reload = server_reload,
};

int main(int argc, char **argv)
{
	return service_main(&directory, argc, argv);
}
