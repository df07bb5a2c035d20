/* SPDX-License-Identifier: ISC */
#include "tests/unit/smtpd-stage.h"
#include "common/admission.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/answers.h"
#include "common/wiring.h"
#include "tests/unit/edge-broken.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_FD = 3, CONF_FD = 4, NOBODY = 65534 };

/* ---- the loop --------------------------------------------------------------- */

bool stage_until(struct stage *st, bool (*done)(struct stage *st))
{
	struct unit_patience patience;
	unit_patience_begin(&patience, STAGE_PATIENCE_MS);
	while (!done(st) && !patience.over)
		unit_wait();
	return unit_patience_end(&patience);
}

/* ---- directory -------------------------------------------------------------- */

static bool on_rcpt_query(void *ctx, const struct msg_rcpt_query *m, int *fds)
{
	struct stage *st = ctx;
	struct target self = {.address = m->address, .transport = TRANSPORT_LOCAL};
	struct msg_rcpt_answer answer = {.cookie = m->cookie,
	    .generation = st->generation,
	    .verdict = RCPT_NOT_OURS,
	    .targets = &self};
	(void)fds;
	st->queries++;
	st->open_query = m->cookie;
	if (st->directory_silent)
		return true;
	if (memmem(m->address.p, m->address.n, "@example.org", 12) != NULL)
		answer.verdict = m->address.p[0] == 'x' ? RCPT_NO_MAILBOX : RCPT_LOCAL;
	if (answer.verdict == RCPT_NOT_OURS) {
		self.transport = TRANSPORT_REMOTE;
		self.nexthop = str_skip(m->address, str_rfind(m->address, '@') + 1);
	}
	answer.targets_count = answer.verdict != RCPT_NO_MAILBOX;
	msg_rcpt_answer_send(st->directory, &answer, NULL);
	return true;
}

void stage_answer_query(struct stage *st)
{
	struct target ann = {.address = STR("ann@example.org"), .transport = TRANSPORT_LOCAL};
	const struct msg_rcpt_answer answer = {.cookie = st->open_query,
	    .generation = st->generation,
	    .verdict = RCPT_LOCAL,
	    .targets = &ann,
	    .targets_count = 1};
	msg_rcpt_answer_send(st->directory, &answer, NULL);
}

static const struct smtpd_directory_server_handlers directory_handlers = {
    .rcpt_query = on_rcpt_query};

static void on_directory_closed(void *ctx, struct channel *ch, const char *why)
{
	struct stage *st = ctx;
	(void)why;
	st->directory_gone = true;
	channel_free(ch);
	st->directory = NULL;
}

/* ---- queue ------------------------------------------------------------------ */

static void copy_recipients(
    struct pool *pool, struct recipient *to, const struct recipient *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		to[i] = from[i];
		pool_copy(pool, from[i].address, &to[i].address);
		pool_copy(pool, from[i].original, &to[i].original);
		pool_copy(pool, from[i].orcpt, &to[i].orcpt);
		pool_copy(pool, from[i].nexthop, &to[i].nexthop);
	}
}

static void take_message(
    struct stage *st, const struct envelope *e, const struct recipient *list, size_t count)
{
	struct stage_message *m = &st->last;
	pool_reset(m->pool);
	m->envelope = *e;
	m->token = e->token;
	pool_copy(m->pool, e->reverse_path, &m->envelope.reverse_path);
	pool_copy(m->pool, e->client, &m->envelope.client);
	pool_copy(m->pool, e->session, &m->envelope.session);
	pool_copy(m->pool, e->helo, &m->envelope.helo);
	m->recipient_count = st->early_count + count;
	m->recipients = pool_array(m->pool, m->recipient_count, sizeof(*m->recipients));
	copy_recipients(m->pool, m->recipients, st->early, st->early_count);
	copy_recipients(m->pool, m->recipients + st->early_count, list, count);
	st->early_count = 0;
	pool_reset(st->early_pool);
	st->submissions++;
}

static void answer(struct stage *st, uint32_t cookie)
{
	st->open_cookie = cookie;
	if (!st->queue_silent)
		stage_answer_submission(st, 250, "");
}

void stage_answer_submission(struct stage *st, unsigned code, const char *text)
{
	const struct msg_committed yes = {.cookie = st->open_cookie, .id = ++st->next_id};
	const struct msg_refused no = {.cookie = st->open_cookie,
	    .code = (uint16_t)code,
	    .enhanced = code < 500 ? STR("4.3.1") : STR("5.3.4"),
	    .text = str_from_cstr(text)};
	if (code < 300)
		msg_committed_send(st->queue, &yes, NULL);
	else
		msg_refused_send(st->queue, &no, NULL);
}

static bool on_submit_recipients(void *ctx, const struct msg_submit_recipients *m, int *fds)
{
	struct stage *st = ctx;
	(void)fds;
	copy_recipients(
	    st->early_pool, st->early + st->early_count, m->recipients, m->recipients_count);
	st->early_count += m->recipients_count;
	return true;
}

static bool on_submit(void *ctx, const struct msg_submit *m, int *fds)
{
	struct stage *st = ctx;
	(void)fds;
	take_message(st, &m->envelope, m->recipients, m->recipients_count);
	st->last.repeated = m->repeated;
	st->last.large = false;
	buf_reset(&st->last.content);
	buf_append_str(&st->last.content, m->content);
	answer(st, m->cookie);
	return true;
}

static bool on_large_open(void *ctx, const struct msg_large_open *m, int *fds)
{
	struct stage *st = ctx;
	const struct msg_large_file file = {.cookie = m->cookie};
	const struct msg_refused no = {
	    .cookie = m->cookie, .code = 452, .enhanced = STR("4.3.1"), .text = STR("no room")};
	(void)fds;
	st->open_cookie = m->cookie;
	if (st->queue_no_file) {
		msg_refused_send(st->queue, &no, NULL);
		return true;
	}
	int fd = st->queue_file >= 0 ? dup(st->queue_file) : memfd_create("large", MFD_CLOEXEC);
	if (st->queue_file < 0)
		st->queue_file = dup(fd);
	msg_large_file_send(st->queue, &file, &fd);
	close(fd);
	return true;
}

static bool on_submit_large(void *ctx, const struct msg_submit_large *m, int *fds)
{
	struct stage *st = ctx;
	(void)fds;
	take_message(st, &m->envelope, m->recipients, m->recipients_count);
	st->last.large = true;
	buf_reset(&st->last.content);
	uint8_t *to = buf_reserve(&st->last.content, m->size + 1);
	ssize_t n = pread(st->queue_file, to, m->size + 1, 0);
	ck_assert_int_eq(n, (ssize_t)m->size);
	buf_commit(&st->last.content, (size_t)n);
	close(st->queue_file);
	st->queue_file = -1;
	answer(st, m->cookie);
	return true;
}

static bool on_submit_abandon(void *ctx, const struct msg_submit_abandon *m, int *fds)
{
	struct stage *st = ctx;
	(void)m;
	(void)fds;
	st->abandoned++;
	return true;
}

static const struct smtpd_queue_server_handlers queue_handlers = {
    .submit_recipients = on_submit_recipients,
    .submit = on_submit,
    .large_open = on_large_open,
    .submit_large = on_submit_large,
    .submit_abandon = on_submit_abandon,
};

static void on_queue_closed(void *ctx, struct channel *ch, const char *why)
{
	struct stage *st = ctx;
	(void)why;
	st->queue_gone = true;
	channel_free(ch);
	st->queue = NULL;
}

/* ---- control ---------------------------------------------------------------- */

static bool on_ready(void *ctx, const struct msg_ready *m, int *fds)
{
	struct stage *st = ctx;
	(void)m;
	(void)fds;
	st->ready = true;
	return true;
}

static const struct supervision_client_handlers control_handlers = {
    .ready = on_ready, .edge_broken = edge_broken_ignore};

static void on_control_closed(void *ctx, struct channel *ch, const char *why)
{
	struct stage *st = ctx;
	(void)why;
	st->control_gone = true;
	channel_free(ch);
	st->control = NULL;
}

static int pair(int *theirs)
{
	int fds[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	*theirs = fds[1];
	return fds[0];
}

static void send_peer(struct stage *st, enum edge_id edge, int theirs)
{
	const struct msg_peer m = {.edge = (uint8_t)edge};
	msg_peer_send(st->control, &m, &theirs);
	close(theirs);
}

int stage_wire(struct stage *st, enum edge_id edge)
{
	int theirs, ours = pair(&theirs);
	send_peer(st, edge, theirs);
	return ours;
}

void stage_connect_directory(struct stage *st)
{
	int theirs, ours = pair(&theirs);
	st->directory_gone = false;
	st->directory = channel_new(
	    ours, &smtpd_directory_server, &directory_handlers, st, on_directory_closed);
	msg_directory_generation_send(
	    st->directory, &(struct msg_directory_generation){.generation = st->generation}, NULL);
	send_peer(st, EDGE_smtpd_directory, theirs);
}

void stage_connect_queue(struct stage *st)
{
	int theirs, ours = pair(&theirs);
	st->queue_gone = false;
	st->queue = channel_new(ours, &smtpd_queue_server, &queue_handlers, st, on_queue_closed);
	stage_intake(st, true);
	send_peer(st, EDGE_smtpd_queue, theirs);
}

void stage_intake(struct stage *st, bool open)
{
	const struct msg_intake m = {
	    .open = open, .text = open ? STR("") : STR("the disk is full")};
	msg_intake_send(st->queue, &m, NULL);
}

void stage_kill_directory(struct stage *st)
{
	channel_free(st->directory);
	st->directory = NULL;
}

void stage_kill_queue(struct stage *st)
{
	channel_free(st->queue);
	st->queue = NULL;
	st->early_count = 0;
}

static int listen_somewhere(uint16_t *port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
	socklen_t n = sizeof(in);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(fd, 512), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	*port = ntohs(in.sin_port);
	return fd;
}

static int conf_file(const char *top, const char *smtp)
{
	int fd = memfd_create("conf", 0);
	ck_assert_int_gt(dprintf(fd,
			     "hostname = \"mx.example.org\"\npostmaster = \"admin@example.org\"\n"
			     "mailboxes = \"/var/mail/%%d/%%n\"\nworkers = 1\n%s\n"
			     "listen smtp { address = \"127.0.0.1:2525\" }\nsmtp {\n%s\n}\n",
			     top, smtp),
	    0);
	return fd;
}

static void become_smtpd(int control, int conf, int log)
{
	/* Away from the numbers that they are going to have. */
	control = fcntl(control, F_DUPFD, 10);
	conf = fcntl(conf, F_DUPFD, 10);
	dup2(log, STDERR_FILENO);
	dup2(control, CONTROL_FD);
	dup2(conf, CONF_FD);
	close(control);
	close(conf);
	if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		_exit(127);
	/* The jail keeps the leak detector from doing its work. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	execl(SMTPD, SMTPD, "/etc/postern/postern.conf", (char *)NULL);
	_exit(127);
}

static bool is_ready_or_gone(struct stage *st)
{
	return st->ready || st->control_gone;
}

static void send_listener(struct stage *st)
{
	int fd = listen_somewhere(&st->port);
	const struct msg_listener m = {.number = 0, .kind = LISTENER_SMTP};
	msg_listener_send(st->control, &m, &fd);
	close(fd);
}

static void send_admission(struct stage *st)
{
	struct msg_admission_page m = {.worker = 0, .workers = 1};
	for (m.page = 0; m.page <= m.workers; m.page++) {
		int fd = admission_table_page(st->admission, m.page, m.worker);
		msg_admission_page_send(st->control, &m, &fd);
	}
}

bool stage_start(struct stage *st, const char *top, const char *smtp)
{
	int theirs, ours = pair(&theirs), conf = conf_file(top, smtp), log[2];
	ck_assert_int_eq(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
	memset(st, 0, sizeof(*st));
	st->queue_file = -1;
	st->last.pool = pool_new(SIZE_MAX / 2);
	st->early_pool = pool_new(SIZE_MAX / 2);
	buf_init(&st->last.content, SIZE_MAX / 2);
	buf_init(&st->log_text, SIZE_MAX / 2);
	st->generation = 1;
	st->next_id = 1000000;
	st->log = log[0];
	st->pid = fork();
	if (st->pid == 0)
		become_smtpd(theirs, conf, log[1]);
	close(theirs);
	close(conf);
	close(log[1]);
	st->control =
	    channel_new(ours, &supervision_client, &control_handlers, st, on_control_closed);
	st->admission = admission_table_new(1, 1000);
	stage_connect_directory(st);
	stage_connect_queue(st);
	send_admission(st);
	send_listener(st);
	msg_go_send(st->control, &(struct msg_go){}, NULL);
	return stage_until(st, is_ready_or_gone) && st->ready;
}

void stage_reload(struct stage *st, const char *top, const char *smtp)
{
	int fd = conf_file(top, smtp);
	msg_configuration_send(st->control, &(struct msg_configuration){.generation = 2}, &fd);
	close(fd);
	send_listener(st);
}

void stage_tell_to_stop(struct stage *st)
{
	msg_stop_send(st->control, &(struct msg_stop){}, NULL);
}

void stage_stop(struct stage *st)
{
	int status;
	channel_free(st->control);
	channel_free(st->directory);
	channel_free(st->queue);
	kill(st->pid, SIGKILL);
	waitpid(st->pid, &status, 0);
	if (st->queue_file >= 0)
		close(st->queue_file);
	close(st->log);
	admission_table_free(st->admission);
	buf_release(&st->log_text);
	buf_release(&st->last.content);
	pool_free(st->last.pool);
	pool_free(st->early_pool);
}

static void read_log(struct stage *st)
{
	ssize_t n;
	do {
		uint8_t *to = buf_reserve(&st->log_text, 4096);
		n = read(st->log, to, 4096);
		buf_commit(&st->log_text, n > 0 ? (size_t)n : 0);
	} while (n > 0);
}

bool stage_logged(struct stage *st, const char *text)
{
	for (unsigned ms = 0; ms < STAGE_PATIENCE_MS; ms += 10) {
		read_log(st);
		struct str log = buf_str(&st->log_text);
		if (memmem(log.p, log.n, text, strlen(text)) != NULL)
			return true;
		unit_turn();
		usleep(10 * 1000);
	}
	fprintf(stderr, "%.*s", STR_ARG(buf_str(&st->log_text)));
	return false;
}

/* ---- clients ---------------------------------------------------------------- */

static void on_client_readable(struct stage_client *c)
{
	uint8_t *to = buf_reserve(&c->in, 4096);
	ssize_t n = recv(c->fd, to, 4096, MSG_DONTWAIT);
	if (n > 0)
		buf_commit(&c->in, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		c->closed = true;
}

void stage_client_open(struct stage *st, struct stage_client *c, unsigned host)
{
	struct sockaddr_in from = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host)};
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(st->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	*c = (struct stage_client){.stage = st};
	buf_init(&c->in, SIZE_MAX / 2);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(c->fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

void stage_client_close(struct stage_client *c)
{
	close(c->fd);
	buf_release(&c->in);
}

/* The loop turns while the socket is full, as smtpd may wait for us. */
void stage_say_octets(struct stage_client *c, struct str octets)
{
	while (octets.n > 0) {
		ssize_t n = send(c->fd, octets.p, octets.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return;
		octets = str_skip(octets, n > 0 ? (size_t)n : 0);
		unit_turn();
	}
}

void stage_say(struct stage_client *c, const char *text)
{
	stage_say_octets(c, str_from_cstr(text));
}

/* A last reply line, or the end. */
static bool has_reply(struct stage_client *c, struct str *line)
{
	for (;;) {
		struct str in = buf_str(&c->in);
		size_t n = str_find(in, '\n');
		if (n == in.n)
			return false;
		if (n > 3 && in.p[3] != '-') {
			*line = str_head(in, n + 1);
			return true;
		}
		buf_consume(&c->in, n + 1);
	}
}

static bool wait_for(struct stage_client *c, struct str *line)
{
	for (unsigned ms = 0; ms < STAGE_PATIENCE_MS;) {
		on_client_readable(c);
		if (has_reply(c, line))
			return true;
		if (c->closed)
			return false;
		unit_turn();
		usleep(200);
		ms += 1;
	}
	return false;
}

void stage_expect(struct stage_client *c, const char *prefix)
{
	struct str line = {NULL, 0};
	bool there = wait_for(c, &line);
	ck_assert_msg(there, "nothing came, not \"%s\"", prefix);
	ck_assert_msg(str_has_prefix(line, str_from_cstr(prefix)), "\"%.*s\" came, not \"%s\"",
	    (int)line.n, line.p, prefix);
	buf_consume(&c->in, line.n);
}

void stage_expect_closed(struct stage_client *c)
{
	struct str line;
	ck_assert_msg(!wait_for(c, &line), "more came");
	ck_assert_msg(c->closed, "it was not closed");
}

void stage_greet(struct stage_client *c)
{
	stage_expect(c, "220 mx.example.org");
	stage_say(c, "EHLO client.example\r\n");
	stage_expect(c, "250 ");
}

void stage_envelope(struct stage_client *c)
{
	stage_say(c, "MAIL FROM:<a@client.example>\r\nRCPT TO:<ann@example.org>\r\n");
	stage_expect(c, "250 2.1.0");
	stage_expect(c, "250 2.1.5");
}
