/* SPDX-License-Identifier: ISC
 *
 * smtpd: speaks SMTP with everybody.
 *
 * Runs as     postern-smtpd, one process per worker
 * Reads       sockets of clients
 * Writes      sockets of clients; a descriptor that queue gave it for one large message
 * Talks to    directory (who is this recipient), queue (make this message durable), keys (sign
 *             this handshake)
 * May never   open a file, make a socket, start a program, or see a secret
 */
#include "common/loop.h"
#include "common/service.h"
#include "common/tls-keys.h"
#include "common/tls-service.h"
#include "smtpd/auth-client.h"
#include "smtpd/crowd.h"
#include "smtpd/listener.h"

#include <sys/resource.h>
#include <unistd.h>

enum {
	STOP_MS = 5 * 1000, /* what is in the middle of its content may finish */
	TICK_MS = 1000,
	OTHER_FILES = 64, /* channels, listeners, log, event loop */
};

static struct event *ticker;
static struct event *stop_timer;
static unsigned connections_limit;

static void on_keys(void)
{
	tls_services_refresh();
	listener_go_on();
}

/* Each connection may have a large message open as well. */
static void before_jail(struct service *self, const struct conf *conf)
{
	struct rlimit limit;
	struct policy *policy = policy_new(conf);
	tls_keys_setup(on_keys);
	self->sandbox.files_max = policy->connections_max * 2 + OTHER_FILES;
	connections_limit = policy->connections_max;
	policy_release(policy);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < self->sandbox.files_max)
		connections_limit = ((unsigned)limit.rlim_max - OTHER_FILES) / 2;
}

static void on_tick(void *ctx)
{
	(void)ctx;
	uint64_t now_ms = loop_now_ms();
	directory_client_tick(now_ms);
	auth_client_tick(now_ms);
	queue_client_tick(now_ms);
	session_tick(now_ms);
	loop_timer_start(ticker, TICK_MS);
}

static void in_jail(const struct conf *conf)
{
	listener_set_policy(policy_new(conf), connections_limit);
	session_setup();
	ticker = loop_timer(on_tick, NULL);
	loop_timer_start(ticker, TICK_MS);
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	if (edge == EDGE_smtpd_directory)
		directory_client_connect(fd);
	else if (edge == EDGE_smtpd_queue)
		queue_client_connect(fd);
	else if (edge == EDGE_smtpd_keys)
		tls_keys_connect(fd);
	else
		close(fd);
}

static void on_listener(const struct conf_listener *listener, enum listener_kind kind, int fd)
{
	if (crowd_is_stopping())
		close(fd);
	else
		listener_open(kind, listener, fd);
}

static void on_admission(struct admission *admission, unsigned worker)
{
	crowd_setup(admission);
	session_set_worker(worker);
}

static void on_reload(const struct conf *conf)
{
	listener_close_all();
	listener_set_policy(policy_new(conf), connections_limit);
}

static void on_stop_due(void *ctx)
{
	(void)ctx;
	crowd_stop(true, loop_exit);
}

static void on_stop(void)
{
	listener_close_all();
	stop_timer = loop_timer(on_stop_due, NULL);
	loop_timer_start(stop_timer, STOP_MS);
	crowd_stop(false, loop_exit);
}

int main(int argc, char **argv)
{
	struct service smtpd = {
	    .program = PROGRAM_smtpd,
	    .before_jail = before_jail,
	    .in_jail = in_jail,
	    .on_peer = on_peer,
	    .on_listener = on_listener,
	    .on_admission = on_admission,
	    .on_reload = on_reload,
	    .on_stop = on_stop,
	};
	return service_main(&smtpd, argc, argv);
}
