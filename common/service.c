/* SPDX-License-Identifier: ISC
 *
 * The life of a program under control; see service.h. Its order is the order of
 * dropping privilege: nothing from outside is looked at before the jail.
 */
#include "common/service.h"
#include "common/jail.h"
#include "common/mem.h"
#include "common/msg-supervision.h"
#include "common/paths.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { CONTROL_FD = 3, CONF_FD = 4, FIRST_STRAY_FD = 5, CONF_SIZE_MAX = 1024 * 1024 };

static struct service *service;
static struct conf *conf;
static const char *conf_path;
static struct channel *control;

/* Our descriptors that are ends of edges. A program that takes one that it does not know closes it
 * unseen, and the next with its number replaces the row. */
static struct edge_end {
	int fd;
	struct msg_edge_broken broken; /* what control is told then */
} *ends;
static size_t end_count;

const struct conf *service_conf(void)
{
	return conf;
}

static bool read_conf_text(int fd, struct buf *text)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size > CONF_SIZE_MAX)
		return false;
	uint8_t *to = buf_reserve(text, (size_t)st.st_size + 1);
	if (to == NULL || lseek(fd, 0, SEEK_SET) < 0)
		return false;
	ssize_t n = read(fd, to, (size_t)st.st_size);
	if (n != st.st_size)
		return false;
	to[n] = '\0';
	buf_commit(text, (size_t)n);
	return true;
}

/* control checks the configuration before it hands it out, so a fault here is ours. */
static struct conf *load_conf(int fd)
{
	struct buf text = BUF_INIT(CONF_SIZE_MAX + 1);
	struct conf_faults faults = {0};
	struct conf *fresh = NULL;
	if (read_conf_text(fd, &text))
		fresh = conf_parse(conf_path, (const char *)text.p, text.end, &faults);
	for (size_t i = 0; i < faults.count; i++)
		log_message(LOG_ERR, "%s:%u: %s", conf_path, faults.list[i].line, faults.list[i].text);
	conf_faults_free(&faults);
	buf_release(&text);
	return fresh;
}

static int take(int *fds)
{
	int fd = fds[0];
	fds[0] = -1;
	return fd;
}

static void keep_end(int fd, const struct msg_peer *m)
{
	size_t i = 0;
	while (i < end_count && ends[i].fd != fd)
		i++;
	if (i == end_count)
		ends = xreallocarray(ends, ++end_count, sizeof(*ends));
	ends[i] = (struct edge_end){fd, {m->edge, m->instance, m->life}};
}

static void on_channel_end(int fd, enum channel_end how)
{
	size_t i = 0;
	while (i < end_count && ends[i].fd != fd)
		i++;
	if (i == end_count)
		return;
	struct edge_end end = ends[i];
	ends[i] = ends[--end_count];
	if (how == CHANNEL_BROKEN && control != NULL)
		msg_edge_broken_send(control, &end.broken, NULL);
}

static bool on_peer(void *ctx, const struct msg_peer *m, int *fds)
{
	(void)ctx;
	if (m->edge == EDGE_NONE || m->edge >= EDGE_COUNT || service->on_peer == NULL)
		return false;
	keep_end(fds[0], m);
	service->on_peer((enum edge_id)m->edge, m->instance, take(fds));
	return true;
}

static bool on_listener(void *ctx, const struct msg_listener *m, int *fds)
{
	(void)ctx;
	if (service->on_listener == NULL)
		return false;
	const struct conf_listener *l =
	    m->number < conf->listener_count ? &conf->listeners[m->number] : NULL;
	service->on_listener(l, (enum listener_kind)m->kind, take(fds));
	return true;
}

static bool on_configuration(void *ctx, const struct msg_configuration *m, int *fds)
{
	(void)ctx;
	(void)m;
	struct conf *fresh = load_conf(fds[0]);
	if (fresh == NULL) {
		log_message(LOG_ERR, "the new configuration was not taken; the old one stays");
		return true;
	}
	struct conf *old = conf;
	conf = fresh;
	if (service->on_reload != NULL)
		service->on_reload(conf);
	conf_free(old);
	return true;
}

static bool on_log_to(void *ctx, const struct msg_log_to *m, int *fds)
{
	(void)ctx;
	(void)m;
	/* The log stays descriptor 2, so that nothing holds the file that was. */
	log_flush();
	if (dup2(fds[0], STDERR_FILENO) < 0)
		log_message(LOG_ERR, "the log goes on where it went: %m");
	log_init(service->name, conf->hostname, conf->log_sink, conf->log_format, conf->log_verbose);
	return true;
}

static bool on_admission_page(void *ctx, const struct msg_admission_page *m, int *fds)
{
	static struct admission *admission;
	(void)ctx;
	if (service->on_admission == NULL)
		return false;
	if (admission == NULL)
		admission = admission_new(m->worker, m->workers);
	if (admission == NULL || !admission_map(admission, m->page, take(fds)))
		return false;
	if (admission_is_whole(admission))
		service->on_admission(admission, m->worker);
	return true;
}

static bool on_go(void *ctx, const struct msg_go *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	log_flush(); /* whoever sees it ready may look at its log, or kill it */
	return msg_ready_send(control, &(struct msg_ready){}, NULL);
}

static bool on_stop(void *ctx, const struct msg_stop *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	if (service->on_stop != NULL)
		service->on_stop();
	else
		loop_exit();
	return true;
}

static bool on_key_pair(void *ctx, const struct msg_key_pair *m, int *fds)
{
	(void)ctx;
	if (service->on_key_pair == NULL || m->number >= conf->certificate_count)
		return service->on_key_pair != NULL;
	struct key_verdict verdict = {.refused = false};
	service->on_key_pair(&conf->certificates[m->number], fds[0], fds[1], &verdict);
	fds[0] = fds[1] = -1;
	const struct msg_key_verdict answer = {.number = m->number,
	    .serial = m->serial,
	    .refused = verdict.refused,
	    .in_use = verdict.in_use,
	    .text = str_from_cstr(verdict.text)};
	return msg_key_verdict_send(control, &answer, NULL);
}

static bool on_lmtp_socket(void *ctx, const struct msg_lmtp_socket *m, int *fds)
{
	(void)ctx;
	if (service->on_lmtp == NULL)
		return false;
	service->on_lmtp(m->cookie, take(fds), 0);
	return true;
}

static bool on_lmtp_failed(void *ctx, const struct msg_lmtp_failed *m, int *fds)
{
	(void)ctx;
	(void)fds;
	if (service->on_lmtp == NULL)
		return false;
	service->on_lmtp(m->cookie, -1, (int)m->error);
	return true;
}

bool service_connect_lmtp(uint32_t cookie, const char *name)
{
	const struct msg_connect_lmtp m = {.cookie = cookie, .name = str_from_cstr(name)};
	return control != NULL && m.name.n <= SECTION_NAME_MAX &&
	       msg_connect_lmtp_send(control, &m, NULL);
}

static const struct supervision_server_handlers handlers = {
    .peer = on_peer,
    .listener = on_listener,
    .configuration = on_configuration,
    .log_to = on_log_to,
    .admission_page = on_admission_page,
    .go = on_go,
    .stop = on_stop,
    .key_pair = on_key_pair,
    .lmtp_socket = on_lmtp_socket,
    .lmtp_failed = on_lmtp_failed,
};

/* Without control nobody would ever stop or restart this program. */
static void on_control_gone(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)why;
	channel_free(channel);
	control = NULL;
	log_message(LOG_WARNING, "control is gone: leaving");
	if (service->on_stop != NULL)
		service->on_stop();
	else
		loop_exit();
}

static void check_started_by_control(void)
{
	struct stat st;
	if (fstat(CONTROL_FD, &st) == 0 && S_ISSOCK(st.st_mode) && fstat(CONF_FD, &st) == 0)
		return;
	fprintf(stderr, "%s is started by control: use `postern start`\n", service->name);
	exit(EX_USAGE);
}

static void ignore_signals(void)
{
	static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

/* What the C library reads from files at first use is read now. */
static void warm_up(void)
{
	setenv("TZ", ":/etc/localtime", 0);
	tzset();
	loop_base();
}

/* The soft limit may follow the hard one up to what the program declares. */
static void raise_files(unsigned wanted)
{
	struct rlimit limit;
	if (wanted == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_message(LOG_WARNING, "the limit of open files cannot be raised: %m");
}

/* Our programs wait for each other, and for clients, many times for each message. Who is woken takes
 * the processor from nobody this way, and finds more to do when its turn comes (sched(7)). What the
 * operator has set is left. */
static void schedule_as_batch(void)
{
	if (sched_getscheduler(0) == SCHED_OTHER &&
	    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) < 0)
		log_debug("it is not scheduled as a batch: %m");
}

static void load_first_conf(int argc, char **argv)
{
	conf_path = argc > 1 ? argv[1] : POSTERN_SYSCONFDIR "/postern.conf";
	conf = load_conf(CONF_FD);
	if (conf == NULL)
		exit(EX_CONFIG);
	close(CONF_FD);
}

static void name_itself(struct service *self)
{
	if (self->program == PROGRAM_NONE)
		return;
	self->name = jail_name(self->program);
	self->user = jail_user(self->program);
}

static void enter_jail(const struct service *self)
{
	uint64_t kept = self->program == PROGRAM_NONE ? 0 : jail_capabilities(self->program);
	if (kept != 0)
		sandbox_enter_as_root(&self->sandbox, kept);
	else
		sandbox_enter(&self->sandbox, self->user);
}

int service_main(struct service *self, int argc, char **argv)
{
	service = self;
	name_itself(self);
	check_started_by_control();
	close_range(FIRST_STRAY_FD, ~0U, 0);
	ignore_signals();
	load_first_conf(argc, argv);
	log_init(self->name, conf->hostname, conf->log_sink, conf->log_format, conf->log_verbose);
	warm_up();
	raise_files(self->sandbox.files_max);
	schedule_as_batch();
	if (self->program != PROGRAM_NONE)
		jail_declare(self->program, conf, &self->sandbox);
	if (self->before_jail != NULL)
		self->before_jail(self, conf);
	control = channel_new(CONTROL_FD, &supervision_server, &handlers, NULL, on_control_gone);
	channel_watch(on_channel_end);
	enter_jail(self);
	if (self->in_jail != NULL)
		self->in_jail(conf);
	log_deferred(true);
	loop_run();
	log_deferred(false);
	return EX_OK;
}
