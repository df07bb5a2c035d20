/* SPDX-License-Identifier: ISC
 *
 * queue: makes mail durable, and decides what is tried when.
 *
 * Runs as:    postern-queue
 * Reads:      the spool
 * Writes:     the spool
 * Talks to:   smtpd (takes mail), deliver-local and deliver-remote (gives mail), directory (asks
 *             where bounces go, whether routes have changed, and who passed a limit), operators'
 *             commands
 * May never:  reach the network, or any file outside the spool
 */
#include "common/home.h"
#include "common/service.h"
#include "queue/bounce.h"
#include "queue/intake.h"
#include "queue/limit-notices.h"
#include "queue/operator.h"
#include "queue/reroute.h"
#include "queue/sweeper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

/* How a destination that is not known yet is approached, and when it is taken for dead. */

enum {
	CACHE_OCTETS = 16 * 1024 * 1024,
	STOP_MS = 3000,
	STOP_CHECK_MS = 20,
	ROUTES_WAIT_MS = 30 * 1000, /* at the start, for directory */
};

static struct {
	int spool_dir;
	char *spool_path;
	struct spool *spool;
	struct active active;
	struct contents *contents;
	struct tokens *tokens;
	struct intake intake;
	struct reader reader;
	struct local local;
	struct remote remote;
	struct dispatch dispatch;
	struct operators operators;
	struct templates templates;
	char *templates_path; /* NULL: the built-in ones */
	struct router *router;
	struct bounces bounces;
	struct limit_notices limits;
	struct reroute reroute;
	struct sweeper sweeper;
	char *hostname, *postmaster; /* what the notices say */
	struct event *stop_timer, *routes_timer;
	uint64_t stop_deadline;
} q;

/* --- the spool's events ------------------------------------------------- */

static void on_message(void *ctx, uint64_t id, const struct spool_place *place,
    const struct envelope *envelope, const struct recipient *recipients, size_t count)
{
	(void)ctx;
	if (envelope->token != 0) /* ours have none */
		tokens_add(q.tokens, envelope->token, id, loop_now_ms());
	active_on_message(&q.active, id, place, envelope, recipients, count);
}

static void on_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	(void)ctx;
	active_on_result(&q.active, id, result, moment_now());
}

static void on_finished(void *ctx, uint64_t id)
{
	(void)ctx;
	active_on_finished(&q.active, id);
}

static void on_settled(void *ctx, const struct spool_settled *settled)
{
	(void)ctx;
	active_on_settled(&q.active, settled);
}

static void on_damage(void *ctx, const char *text)
{
	struct log_event ev;
	(void)ctx;
	log_begin(&ev, LOG_ERR, STR("spool"));
	log_str(&ev, "damage", str_from_cstr(text));
	log_end(&ev);
}

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)ctx;
	if (!bounces_on_committed(&q.bounces, tag, place, error) &&
	    !limit_notices_on_committed(&q.limits, tag, place, error))
		intake_on_committed(&q.intake, tag, id, place, error);
	dispatch_soon(&q.dispatch);
}

static void on_space(void *ctx, bool open, int error)
{
	(void)ctx;
	intake_on_space(&q.intake, open, error);
}

static bool is_live(void *ctx, uint64_t id, const struct spool_place *place)
{
	(void)ctx;
	return active_is_live(&q.active, id, place);
}

static bool on_snapshot(
    void *ctx, uint64_t id, struct pool *pool, struct spool_result **results, size_t *count)
{
	(void)ctx;
	return active_on_snapshot(&q.active, id, pool, results, count, moment_now());
}

static void on_moved(void *ctx, uint64_t id, const struct spool_place *place)
{
	(void)ctx;
	active_on_moved(&q.active, id, place);
}

static const struct spool_events events = {
    .on_message = on_message,
    .on_result = on_result,
    .on_finished = on_finished,
    .on_settled = on_settled,
    .on_damage = on_damage,
    .on_committed = on_committed,
    .on_space = on_space,
    .is_live = is_live,
    .on_snapshot = on_snapshot,
    .on_moved = on_moved,
};

/* --- configuration ------------------------------------------------------ */

static char *copy_or_null(const char *text)
{
	return text == NULL ? NULL : str_dup(str_from_cstr(text));
}

static void configure_bounces(const struct conf *conf)
{
	free(q.hostname);
	free(q.postmaster);
	q.hostname = copy_or_null(conf->hostname);
	q.postmaster = copy_or_null(conf->postmaster);
	q.bounces.hostname = q.limits.hostname = str_from_cstr(q.hostname);
	q.bounces.postmaster = q.limits.postmaster = str_from_cstr(q.postmaster);
	q.bounces.size_max = conf->queue.bounce_size;
}

static void configure(const struct conf *conf)
{
	scheduler_configure(q.active.scheduler, conf);
	q.active.lifetime = (uint64_t)conf->queue.lifetime * 1000;
	q.intake.message_max = conf->smtp.message_max;
	q.active.delay_notice = (uint64_t)conf->queue.delay_notice * 1000;
	q.local.hold = conf->queue.hold_local;
	q.reroute.routing.grace_ms = (uint64_t)conf->queue.retry_first * 1000;
	configure_bounces(conf);
	sweeper_configure(&q.sweeper);
}

static void on_reload(const struct conf *conf)
{
	operators_unlisten(&q.operators);
	configure(conf);
	if (strcmp(conf->spool, q.spool_path) != 0)
		log_message(LOG_WARNING, "another spool is taken up by a restart, not by a reload");
	if (!str_eq(str_from_cstr(conf->queue.templates), str_from_cstr(q.templates_path)))
		log_message(
		    LOG_WARNING, "other templates are taken up by a restart, not by a reload");
	dispatch_soon(&q.dispatch);
}

/* --- life --------------------------------------------------------------- */

static void on_template_fault(void *ctx, const char *text)
{
	struct log_event ev;
	(void)ctx;
	log_begin(&ev, LOG_ERR, STR("templates"));
	log_note(&ev, str_from_cstr(text));
	log_end(&ev);
}

/* A fault costs the operator's own words, not the start: mail must go on. */
static void before_jail(struct service *self, const struct conf *conf)
{
	q.templates_path = copy_or_null(conf->queue.templates);
	if (!templates_load(&q.templates, q.templates_path, on_template_fault, NULL))
		log_message(LOG_ERR, "the built-in texts stand in for templates with faults; "
				     "\"postern check\" lists them");
	q.spool_path = str_dup(str_from_cstr(conf->spool));
	q.spool_dir = home_open(conf->spool, self->user, "spool", true);
}

static void on_progress(void *ctx)
{
	(void)ctx;
	dispatch_soon(&q.dispatch);
}

static void stop_waiting_for_routes(void *ctx)
{
	(void)ctx;
	q.dispatch.remote_waits = false;
	loop_timer_stop(q.routes_timer);
	dispatch_soon(&q.dispatch);
}

static void on_rerouted(void *ctx)
{
	if (q.reroute.settled && q.dispatch.remote_waits)
		stop_waiting_for_routes(ctx);
	dispatch_soon(&q.dispatch);
}

/* Envelopes have the routes of their day: what was recovered is not tried on one that is no longer
 * in force, when directory is there to say so. */
static void wait_for_routes(void)
{
	q.routes_timer = loop_timer(stop_waiting_for_routes, NULL);
	q.dispatch.remote_waits = q.active.messages.count > 0;
	if (q.dispatch.remote_waits)
		loop_timer_start(q.routes_timer, ROUTES_WAIT_MS);
}

static void make_parts(void)
{
	uint64_t seed;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		log_fatal(EX_OSERR, "no random numbers: %m");
	active_init(&q.active, seed);
	scheduler_begin(q.active.scheduler, loop_now_ms());
	q.tokens = tokens_new();
	q.contents = contents_new(CACHE_OCTETS);
	reader_init(&q.reader, &q.active, q.contents);
	local_init(&q.local, &q.active, &q.reader);
	remote_init(&q.remote, &q.active, &q.reader);
	dispatch_init(&q.dispatch, &q.active, &q.local, &q.remote);
	q.router = router_new(reroute_on_changed, &q.reroute);
	reroute_init(&q.reroute, &q.active, q.router);
	bounces_init(&q.bounces, &q.active, &q.reader, q.router, &q.templates);
	sweeper_init(&q.sweeper, &q.active);
	limit_notices_init(
	    &q.limits, &q.active, q.router, q.tokens, q.contents, &q.templates);
	q.bounces.on_progress = q.limits.on_progress = on_progress;
	q.reroute.on_progress = on_rerouted;
	operators_init(&q.operators, &q.active, &q.dispatch);
	q.intake = (struct intake){.active = &q.active, .tokens = q.tokens, .contents = q.contents};
}

static void open_spool(const struct conf *conf)
{
	const struct spool_options options = {.segment_size = conf->queue.segment_size,
	    .space_min = conf->queue.space_min,
	    .spool_max = conf->queue.spool_max};
	uint64_t began = loop_now_ms();
	q.spool = spool_open(q.spool_dir, &options, &events, NULL);
	if (q.spool == NULL && errno == EWOULDBLOCK)
		log_fatal(EX_IOERR,
		    "the spool %s belongs to a suite that runs: stop that, or set another "
		    "\"spool\"",
		    conf->spool);
	if (q.spool == NULL)
		log_fatal(EX_IOERR, "the spool cannot be opened: %m");
	close(q.spool_dir);
	q.active.spool = q.intake.spool = q.operators.spool = q.bounces.spool = q.limits.spool = q.spool;
	reader_set_spool(&q.reader, q.spool);
	active_begin(&q.active);
	log_message(LOG_INFO, "spool open after %llu ms: %zu messages for %llu recipients wait",
	    (unsigned long long)(loop_now_ms() - began), q.active.messages.count,
	    (unsigned long long)q.active.recipients);
}

static void in_jail(const struct conf *conf)
{
	make_parts();
	configure(conf);
	open_spool(conf);
	wait_for_routes();
	dispatch_soon(&q.dispatch);
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	if (edge == EDGE_smtpd_queue)
		intake_add_peer(&q.intake, instance, fd);
	else if (edge == EDGE_queue_local)
		local_set_channel(&q.local, fd);
	else if (edge == EDGE_queue_remote)
		remote_set_channel(&q.remote, instance, fd);
	else if (edge == EDGE_queue_directory)
		router_set_channel(q.router, fd);
	else
		close(fd);
}

static void on_listener(const struct conf_listener *listener, enum listener_kind kind, int fd)
{
	(void)listener;
	if (kind == LISTENER_QUEUE)
		operators_listen(&q.operators, fd);
	else
		close(fd);
}

/* What the spool still commits is answered; then nothing may touch the spool any more. */
static void leave(void)
{
	operators_reset(&q.operators);
	reroute_reset(&q.reroute);
	sweeper_reset(&q.sweeper);
	local_reset(&q.local);
	remote_reset(&q.remote);
	spool_close(q.spool);
	q.intake.spool = q.bounces.spool = q.limits.spool = NULL;
	intake_reset(&q.intake);
	bounces_reset(&q.bounces);
	limit_notices_reset(&q.limits);
	router_free(q.router);
	event_free(q.routes_timer);
	loop_exit();
}

static void check_stop(void *ctx)
{
	(void)ctx;
	bool idle = local_is_idle(&q.local) && remote_is_idle(&q.remote);
	if (idle || loop_now_ms() >= q.stop_deadline)
		leave();
	else
		loop_timer_start(q.stop_timer, STOP_CHECK_MS);
}

/* Deliveries under way may end; the rest is in the spool. */
static void on_stop(void)
{
	if (q.stop_timer != NULL)
		return;
	dispatch_stop(&q.dispatch);
	bounces_stop(&q.bounces);
	limit_notices_stop(&q.limits);
	sweeper_stop(&q.sweeper);
	q.stop_deadline = loop_now_ms() + STOP_MS;
	q.stop_timer = loop_timer(check_stop, NULL);
	loop_timer_start(q.stop_timer, 0);
}

int main(int argc, char **argv)
{
	static struct service queue = {
	    .program = PROGRAM_queue,
	    .sandbox = {.files_max = 8192},
	    .before_jail = before_jail,
	    .in_jail = in_jail,
	    .on_peer = on_peer,
	    .on_listener = on_listener,
	    .on_reload = on_reload,
	    .on_stop = on_stop,
	};
	return service_main(&queue, argc, argv);
}
