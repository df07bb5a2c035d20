/* SPDX-License-Identifier: ISC
 *
 * deliver-remote: speaks SMTP and LMTP with other servers.
 *
 * Runs as     postern-remote, one process per worker
 * Reads       sockets to servers; descriptors of large messages that queue passes
 * Writes      sockets to servers
 * Talks to    queue (whose orders it takes), directory (how is this nexthop reached), resolver, keys
 * May never   open a file, listen, start a program, or believe what a server says beyond its reply
 *
 * What is under way when queue's channel closes is given up: queue tries it again.
 */
#include "common/mem.h"
#include "common/service.h"
#include "common/tls-keys.h"
#include "deliver-remote/delivery.h"
#include "deliver-remote/dial.h"
#include "deliver-remote/idle.h"
#include "deliver-remote/lmtp.h"
#include "deliver-remote/tls.h"

#include <sys/resource.h>
#include <unistd.h>

enum {
	STOP_MS = 5 * 1000, /* sessions under way may finish */
	LEAVE_MS = 20,	    /* how often is looked whether they have */
	TICK_MS = 1000,
	OTHER_FILES = 64, /* channels, log, event loop */
	RESOLVER_GRACE_MS = 2 * 1000,
};

static struct channel *queue;
static struct dns_client *dns;
static struct event *ticker;
static unsigned files_max;
static char *authorities;     /* the file that was read */
static struct event *leaving; /* NULL: not stopping */
static bool late;	      /* something was still done while stopping */

/* ---- queue ----------------------------------------------------------------- */

static bool on_deliver_remote(void *ctx, const struct msg_deliver_remote *m, int *fds)
{
	(void)ctx;
	(void)fds;
	if (m->to.targets_count == 0)
		return false;
	delivery_start(&m->to, m->content);
	return true;
}

static bool on_deliver_remote_large(void *ctx, const struct msg_deliver_remote_large *m, int *fds)
{
	(void)ctx;
	if (m->to.targets_count == 0)
		return false;
	int fd = fds[0];
	fds[0] = -1;
	delivery_start_large(&m->to, fd, m->size);
	return true;
}

static const struct queue_remote_server_handlers handlers = {
    .deliver_remote = on_deliver_remote,
    .deliver_remote_large = on_deliver_remote_large,
};

static void on_results(const struct msg_remote_results *m)
{
	if (queue != NULL)
		msg_remote_results_send(queue, m, NULL);
}

static void on_content_sent(uint64_t delivery)
{
	const struct msg_content_sent m = {.delivery = delivery};
	if (queue != NULL)
		msg_content_sent_send(queue, &m, NULL);
}

static void on_returned(uint64_t delivery)
{
	const struct msg_delivery_returned m = {.delivery = delivery};
	if (queue != NULL)
		msg_delivery_returned_send(queue, &m, NULL);
}

/* Results that queue has not taken yet, and orders that were not read, would be lost. */
static void leave_when_done(void *ctx)
{
	(void)ctx;
	bool quiet = !late && deliveries_count() == 0;
	late = false;
	if (quiet && (queue == NULL || channel_backlog(queue) == 0))
		loop_exit();
	else
		loop_timer_start(leaving, LEAVE_MS);
}

static void on_idle(void)
{
	late = true;
}

static void forget_queue(void)
{
	channel_free(queue);
	queue = NULL;
	deliveries_abort();
}

static void on_queue_gone(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	log_message(channel_loss_level(channel), "the channel to queue is closed: %s", why);
	forget_queue();
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	(void)instance;
	switch (edge) {
	case EDGE_queue_remote:
		forget_queue();
		queue = channel_new(fd, &queue_remote_server, &handlers, NULL, on_queue_gone);
		break;
	case EDGE_remote_directory:
		deliveries_connect_directory(fd);
		break;
	case EDGE_remote_resolver:
		dns_client_connect(dns, fd);
		break;
	case EDGE_remote_keys:
		tls_keys_connect(fd);
		break;
	default:
		close(fd);
	}
}

/* ---- configuration ---------------------------------------------------------- */

static uint64_t dns_timeout_ms(const struct conf *conf)
{
	return (uint64_t)conf->resolver.timeout * 1000 + RESOLVER_GRACE_MS;
}

/* A delivery may have its content open, and several sockets while it connects. */
static void before_jail(struct service *self, const struct conf *conf)
{
	struct rlimit limit;
	files_max = conf->remote.concurrency * 4 + IDLE_MAX + OTHER_FILES;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < files_max)
		files_max = (unsigned)limit.rlim_max;
	self->sandbox.files_max = files_max;
	authorities = xstrdup(conf->remote.authorities);
	tls_keys_setup(tls_on_keys);
	tls_setup(authorities);
}

static void use_conf(const struct conf *conf)
{
	/* A content for each delivery must always find a descriptor. */
	unsigned kept = conf->remote.concurrency + OTHER_FILES;
	dial_setup((int)(files_max > 2 * kept ? files_max - kept : files_max / 2));
	deliveries_set_policy(policy_new(conf));
	dns_client_set_timeout(dns, dns_timeout_ms(conf));
}

/* The file of authorities was read before the jail was made. */
static void on_reload(const struct conf *conf)
{
	use_conf(conf);
	if (strcmp(conf->remote.authorities, authorities) != 0)
		log_message(LOG_ERR,
		    "\"authorities\" names another file now: those of %s are believed until the "
		    "suite is stopped and started again",
		    authorities);
}

static void on_tick(void *ctx)
{
	(void)ctx;
	deliveries_tick(loop_now_ms());
	loop_timer_start(ticker, TICK_MS);
}

static void in_jail(const struct conf *conf)
{
	static struct delivery_setup setup = {.on_results = on_results,
	    .on_content_sent = on_content_sent,
	    .on_returned = on_returned,
	    .on_idle = on_idle};
	dns = dns_client_new(dns_timeout_ms(conf));
	setup.dns = dns;
	deliveries_init(&setup);
	use_conf(conf);
	ticker = loop_timer(on_tick, NULL);
	loop_timer_start(ticker, TICK_MS);
}

static void leave(void *ctx)
{
	(void)ctx;
	loop_exit();
}

static void on_stop(void)
{
	deliveries_stop();
	leaving = loop_timer(leave_when_done, NULL);
	leave_when_done(NULL);
	loop_timer_start(loop_timer(leave, NULL), STOP_MS);
}

int main(int argc, char **argv)
{
	static struct service deliver_remote = {
	    .program = PROGRAM_deliver_remote,
	    .before_jail = before_jail,
	    .in_jail = in_jail,
	    .on_peer = on_peer,
	    .on_reload = on_reload,
	    .on_lmtp = lmtp_on_socket,
	    .on_stop = on_stop,
	};
	return service_main(&deliver_remote, argc, argv);
}
