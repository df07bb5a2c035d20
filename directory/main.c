/* SPDX-License-Identifier: ISC
 *
 * directory: who is this address, where does it go, is this password right.
 *
 * Runs as:    postern-dir, in its state directory as the root, or an empty one.
 * Reads:      the compiled tables (*.db in "tables"), through one descriptor.
 * Writes:     what it knows of failed logins and of recipients, in the state directory.
 * Talks to:   smtpd, pop3d and deliver-remote, which it does not trust; queue, pop3d-session.
 * May never:  show a password hash, or a password but for a relay; open a socket, follow a path it
 * was sent.
 */
#include "common/home.h"
#include "common/jail.h"
#include "common/service.h"
#include "directory/operators.h"
#include "directory/server.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

static int tables_fd = -1;

/* Logins go on without it. */
static void open_state(struct service *self, const struct conf *conf)
{
	int fd = home_open(conf->auth.state, self->user, "state", false);
	if (fd < 0) {
		jail_do_without_place(&self->sandbox);
		return;
	}
	close(fd);
	server_set_state(true);
}

static void before_jail(struct service *self, const struct conf *conf)
{
	tables_fd = open(conf->tables, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tables_fd < 0)
		log_fatal(
		    EX_NOINPUT, "%s: %m: make the directory, or set \"tables\"", conf->tables);
	open_state(self, conf);
}

static void in_jail(const struct conf *conf)
{
	server_start(conf, tables_fd);
}

static void on_listener(const struct conf_listener *listener_conf, enum listener_kind kind, int fd)
{
	(void)listener_conf;
	if (kind == LISTENER_DIRECTORY)
		operators_listen(fd);
	else
		close(fd);
}

static void on_stop(void)
{
	operators_end();
	server_end();
	loop_exit();
}

static struct service directory = {
    .program = PROGRAM_directory,
    .sandbox = {.files_max = 512},
    .before_jail = before_jail,
    .in_jail = in_jail,
    .on_peer = server_peer,
    .on_listener = on_listener,
    .on_reload = server_reload,
    .on_stop = on_stop,
};

int main(int argc, char **argv)
{
	return service_main(&directory, argc, argv);
}
