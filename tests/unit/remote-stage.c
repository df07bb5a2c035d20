/* SPDX-License-Identifier: ISC */
#include "tests/unit/remote-stage.h"
#include "common/envelope.h"
#include "common/mem.h"
#include "common/wiring.h"
#include "tests/unit/edge-broken.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL_FD = 3, CONF_FD = 4, NOBODY = 65534 };

/* ---- the loop --------------------------------------------------------------- */

bool remote_until(struct remote_stage *st, bool (*done)(struct remote_stage *st))
{
	struct unit_patience patience;
	unit_patience_begin(&patience, REMOTE_PATIENCE_MS);
	while (!done(st) && !patience.over)
		unit_wait();
	return unit_patience_end(&patience);
}

/* ---- queue ------------------------------------------------------------------ */

static void copy_text(char *to, size_t size, struct str from)
{
	ck_assert_uint_lt(from.n, size);
	snprintf(to, size, "%.*s", STR_ARG(from));
}

static bool on_remote_results(void *ctx, const struct msg_remote_results *m, int *fds)
{
	struct remote_stage *st = ctx;
	(void)fds;
	ck_assert_uint_lt(st->answer_count, REMOTE_RESULTS_MAX);
	struct remote_answer *a = &st->answers[st->answer_count++];
	a->delivery = m->delivery;
	a->verdict = m->verdict;
	a->tls = m->tls;
	a->connect_ms = m->connect_ms;
	a->transmit_ms = m->transmit_ms;
	a->count = m->results_count;
	copy_text(a->relay, sizeof(a->relay), m->relay);
	for (size_t i = 0; i < a->count; i++) {
		const struct remote_result *r = &m->results[i];
		a->list[i].number = r->number;
		a->list[i].outcome = r->outcome;
		a->list[i].dsn_passed = r->dsn_passed;
		copy_text(a->list[i].status, sizeof(a->list[i].status), r->status);
		copy_text(a->list[i].mta, sizeof(a->list[i].mta), r->mta);
		copy_text(a->list[i].reply, sizeof(a->list[i].reply), r->reply);
		copy_text(a->list[i].text, sizeof(a->list[i].text), r->text);
		a->list[i].tried = r->tried;
		a->list[i].own = r->own;
	}
	a->tried_count = m->tried_count;
	for (size_t i = 0; i < a->tried_count; i++) {
		copy_text(a->tried[i].host, sizeof(a->tried[i].host), m->tried[i].host);
		copy_text(a->tried[i].said, sizeof(a->tried[i].said), m->tried[i].said);
	}
	return true;
}

static bool on_content_sent(void *ctx, const struct msg_content_sent *m, int *fds)
{
	struct remote_stage *st = ctx;
	(void)fds;
	st->content_sent = m->delivery;
	st->content_sent_count++;
	return true;
}

static bool on_delivery_returned(void *ctx, const struct msg_delivery_returned *m, int *fds)
{
	struct remote_stage *st = ctx;
	(void)fds;
	st->returned = m->delivery;
	st->returned_count++;
	return true;
}

static const struct queue_remote_client_handlers queue_handlers = {
    .remote_results = on_remote_results,
    .content_sent = on_content_sent,
    .delivery_returned = on_delivery_returned};

static void on_queue_closed(void *ctx, struct channel *ch, const char *why)
{
	struct remote_stage *st = ctx;
	(void)why;
	st->queue_gone = true;
	if (st->queue == ch)
		st->queue = NULL;
	channel_free(ch);
}

static void fill_order(struct remote_stage *st, struct remote_delivery *to, const char *nexthop,
    struct remote_target *targets, const char *const *list, size_t count)
{
	memset(to, 0, sizeof(*to));
	to->delivery = ++st->next_delivery;
	to->behind = st->behind;
	st->behind = 0;
	to->id = 77;
	to->nexthop = str_from_cstr(nexthop);
	to->reverse_path = st->from_nobody ? STR("") : STR("ann@example.org");
	to->flags = st->flags;
	to->targets = targets;
	to->targets_count = count;
	for (size_t i = 0; i < count; i++)
		targets[i] = (struct remote_target){
		    .number = (uint16_t)(i + 10), .address = str_from_cstr(list[i])};
}

uint64_t remote_deliver_to(struct remote_stage *st, const char *nexthop, const char *const *to,
    size_t count, struct str content)
{
	struct remote_target targets[RECIPIENTS_PER_PACKET];
	struct msg_deliver_remote m;
	fill_order(st, &m.to, nexthop, targets, to, count);
	m.content = content;
	ck_assert(msg_deliver_remote_send(st->queue, &m, NULL));
	return m.to.delivery;
}

uint64_t remote_deliver(struct remote_stage *st, const char *nexthop)
{
	static const char *const bob[] = {"bob@far.example"};
	return remote_deliver_to(st, nexthop, bob, 1, STR("Subject: x\r\n\r\nhello\r\n"));
}

uint64_t remote_deliver_large(struct remote_stage *st, const char *nexthop, size_t size)
{
	static const char *const bob[] = {"bob@far.example"};
	struct remote_target targets[1];
	struct msg_deliver_remote_large m;
	static char lines[64 * 1024];
	int fd = memfd_create("content", MFD_CLOEXEC);
	memset(lines, 'x', sizeof(lines));
	for (size_t end = 64; end <= sizeof(lines); end += 64)
		memcpy(lines + end - 2, "\r\n", 2);
	for (size_t n = 0; n < size; n += sizeof(lines))
		ck_assert_int_eq(pwrite(fd, lines, sizeof(lines), (off_t)n), sizeof(lines));
	fill_order(st, &m.to, nexthop, targets, bob, 1);
	m.size = size;
	ck_assert(msg_deliver_remote_large_send(st->queue, &m, &fd));
	close(fd);
	return m.to.delivery;
}

static uint64_t wanted;

static const struct remote_answer *find_answer(struct remote_stage *st)
{
	for (size_t i = 0; i < st->answer_count; i++)
		if (st->answers[i].delivery == wanted)
			return &st->answers[i];
	return NULL;
}

static bool is_answered(struct remote_stage *st)
{
	return find_answer(st) != NULL || st->queue_gone;
}

const struct remote_answer *remote_answer(struct remote_stage *st, uint64_t delivery)
{
	wanted = delivery;
	ck_assert_msg(remote_until(st, is_answered), "no results came");
	const struct remote_answer *a = find_answer(st);
	ck_assert_msg(a != NULL, "queue's channel was closed");
	return a;
}

/* ---- directory ---------------------------------------------------------------- */

static bool on_hop_query(void *ctx, const struct msg_hop_query *m, int *fds)
{
	struct remote_stage *st = ctx;
	struct msg_hop_answer answer = st->hop;
	(void)fds;
	st->hop_queries++;
	if (st->directory_silent)
		return true;
	answer.cookie = m->cookie;
	if (answer.target.n == 0 && answer.verdict == HOP_OK)
		answer.target = m->nexthop;
	ck_assert(msg_hop_answer_send(st->directory, &answer, NULL));
	return true;
}

static const struct remote_directory_server_handlers directory_handlers = {
    .hop_query = on_hop_query};

static void on_directory_closed(void *ctx, struct channel *ch, const char *why)
{
	struct remote_stage *st = ctx;
	(void)why;
	if (st->directory == ch)
		st->directory = NULL;
	channel_free(ch);
}

void remote_hops_changed(struct remote_stage *st)
{
	msg_hops_changed_send(st->directory, &(struct msg_hops_changed){.generation = 2}, NULL);
}

/* ---- resolver ------------------------------------------------------------------- */

static const struct remote_record *next_record(
    const struct remote_stage *st, const struct remote_record *after, char type, struct str name)
{
	const struct remote_record *r = after != NULL ? after + 1 : st->records;
	for (; r->name != NULL; r++)
		if (r->type == type && str_eq(str_from_cstr(r->name), name))
			return r;
	return NULL;
}

static enum dns_state state_of(const struct remote_record *r)
{
	if (r == NULL)
		return DNS_NO_DATA;
	return r->state == 0 ? DNS_OK : r->state;
}

static bool on_mx_query(void *ctx, const struct msg_mx_query *m, int *fds)
{
	struct remote_stage *st = ctx;
	struct mx_host hosts[MX_HOSTS_MAX];
	const struct remote_record *r = next_record(st, NULL, 'm', m->domain);
	struct msg_mx_answer answer = {.cookie = m->cookie, .canonical = m->domain, .hosts = hosts};
	(void)fds;
	st->dns_queries++;
	st->mx_queries++;
	if (st->resolver_silent)
		return true;
	answer.state = (uint8_t)state_of(r);
	answer.secure = r != NULL && r->secure;
	for (; answer.state == DNS_OK && r != NULL; r = next_record(st, r, 'm', m->domain))
		hosts[answer.hosts_count++] =
		    (struct mx_host){r->preference, str_from_cstr(r->value)};
	ck_assert(msg_mx_answer_send(st->resolver, &answer, NULL));
	return true;
}

static bool on_ip_query(void *ctx, const struct msg_ip_query *m, int *fds)
{
	struct remote_stage *st = ctx;
	struct ip_address list[IP_ADDRESSES_MAX];
	uint8_t octets[IP_ADDRESSES_MAX][16];
	char type = m->family == 4 ? '4' : '6';
	const struct remote_record *r = next_record(st, NULL, type, m->host);
	struct msg_ip_answer answer = {.cookie = m->cookie,
	    .canonical = r != NULL && r->canonical != NULL ? str_from_cstr(r->canonical) : m->host,
	    .addresses = list};
	(void)fds;
	st->dns_queries++;
	if (st->resolver_silent || (st->silent_for_ipv6 && m->family == 6))
		return true;
	answer.state = (uint8_t)state_of(r);
	answer.secure = r != NULL && r->secure;
	for (; answer.state == DNS_OK && r != NULL; r = next_record(st, r, type, m->host)) {
		uint8_t *to = octets[answer.addresses_count];
		ck_assert_int_eq(inet_pton(m->family == 4 ? AF_INET : AF_INET6, r->value, to), 1);
		list[answer.addresses_count++].octets = str_from(to, m->family == 4 ? 4 : 16);
	}
	ck_assert(msg_ip_answer_send(st->resolver, &answer, NULL));
	return true;
}

static bool on_tlsa_query(void *ctx, const struct msg_tlsa_query *m, int *fds)
{
	struct remote_stage *st = ctx;
	struct tlsa list[TLSA_MAX];
	const struct remote_record *r = next_record(st, NULL, 't', m->host);
	struct msg_tlsa_answer answer = {.cookie = m->cookie, .records = list};
	(void)fds;
	st->dns_queries++;
	st->tlsa_queries++;
	answer.state = (uint8_t)state_of(r);
	answer.secure = r != NULL && r->secure;
	for (; answer.state == DNS_OK && r != NULL; r = next_record(st, r, 't', m->host))
		list[answer.records_count++] = r->tlsa;
	ck_assert(msg_tlsa_answer_send(st->resolver, &answer, NULL));
	return true;
}

static bool on_txt_query(void *ctx, const struct msg_txt_query *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return false;
}

static bool on_ptr_query(void *ctx, const struct msg_ptr_query *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return false;
}

static const struct remote_resolver_server_handlers resolver_handlers = {
    .mx_query = on_mx_query,
    .ip_query = on_ip_query,
    .tlsa_query = on_tlsa_query,
    .txt_query = on_txt_query,
    .ptr_query = on_ptr_query,
};

static void on_resolver_closed(void *ctx, struct channel *ch, const char *why)
{
	struct remote_stage *st = ctx;
	(void)why;
	if (st->resolver == ch)
		st->resolver = NULL;
	channel_free(ch);
}

/* ---- control ---------------------------------------------------------------------- */

static bool on_ready(void *ctx, const struct msg_ready *m, int *fds)
{
	struct remote_stage *st = ctx;
	(void)m;
	(void)fds;
	st->ready = true;
	return true;
}

static const struct supervision_client_handlers control_handlers = {
    .ready = on_ready, .edge_broken = edge_broken_ignore};

static void on_control_closed(void *ctx, struct channel *ch, const char *why)
{
	struct remote_stage *st = ctx;
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

static void send_peer(struct remote_stage *st, enum edge_id edge, int theirs)
{
	const struct msg_peer m = {.edge = (uint8_t)edge};
	msg_peer_send(st->control, &m, &theirs);
	close(theirs);
}

void remote_connect_queue(struct remote_stage *st)
{
	int theirs, ours = pair(&theirs);
	st->queue_gone = false;
	st->queue = channel_new(ours, &queue_remote_client, &queue_handlers, st, on_queue_closed);
	send_peer(st, EDGE_queue_remote, theirs);
}

void remote_kill_queue(struct remote_stage *st)
{
	channel_free(st->queue);
	st->queue = NULL;
}

void remote_connect_directory(struct remote_stage *st)
{
	int theirs, ours = pair(&theirs);
	st->directory = channel_new(
	    ours, &remote_directory_server, &directory_handlers, st, on_directory_closed);
	send_peer(st, EDGE_remote_directory, theirs);
}

void remote_kill_directory(struct remote_stage *st)
{
	channel_free(st->directory);
	st->directory = NULL;
}

void remote_connect_resolver(struct remote_stage *st)
{
	int theirs, ours = pair(&theirs);
	st->resolver =
	    channel_new(ours, &remote_resolver_server, &resolver_handlers, st, on_resolver_closed);
	send_peer(st, EDGE_remote_resolver, theirs);
}

void remote_kill_resolver(struct remote_stage *st)
{
	channel_free(st->resolver);
	st->resolver = NULL;
}

static int conf_file(const char *top, const char *remote)
{
	int fd = memfd_create("conf", 0);
	ck_assert_int_gt(dprintf(fd,
			     "hostname = \"mx.example.org\"\npostmaster = \"admin@example.org\"\n"
			     "mailboxes = \"/var/mail/%%d/%%n\"\nworkers = 1\n%s\n"
			     "listen smtp { address = \"127.0.0.1:2525\" }\nremote {\n%s\n}\n",
			     top, remote),
	    0);
	return fd;
}

static void become_program(int control, int conf, int log)
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
	execl(DELIVER_REMOTE, DELIVER_REMOTE, "/etc/postern/postern.conf", (char *)NULL);
	_exit(127);
}

static bool is_ready_or_gone(struct remote_stage *st)
{
	return st->ready || st->control_gone;
}

bool remote_start(struct remote_stage *st, const char *top, const char *remote)
{
	int theirs, ours = pair(&theirs), conf = conf_file(top, remote), log[2];
	ck_assert_int_eq(pipe2(log, O_CLOEXEC | O_NONBLOCK), 0);
	memset(st, 0, sizeof(*st));
	st->answers = xcalloc(REMOTE_RESULTS_MAX, sizeof(*st->answers));
	st->hop = (struct msg_hop_answer){.verdict = HOP_OK, .tls = TLS_MAY};
	buf_init(&st->log_text, SIZE_MAX / 2);
	st->log = log[0];
	st->pid = fork();
	if (st->pid == 0)
		become_program(theirs, conf, log[1]);
	close(theirs);
	close(conf);
	close(log[1]);
	st->control =
	    channel_new(ours, &supervision_client, &control_handlers, st, on_control_closed);
	remote_connect_directory(st);
	remote_connect_resolver(st);
	remote_connect_queue(st);
	msg_go_send(st->control, &(struct msg_go){}, NULL);
	return remote_until(st, is_ready_or_gone) && st->ready;
}

void remote_reload(struct remote_stage *st, const char *top, const char *remote)
{
	int fd = conf_file(top, remote);
	msg_configuration_send(st->control, &(struct msg_configuration){.generation = 2}, &fd);
	close(fd);
}

void remote_tell_to_stop(struct remote_stage *st)
{
	msg_stop_send(st->control, &(struct msg_stop){}, NULL);
}

void remote_stop(struct remote_stage *st)
{
	int status;
	channel_free(st->control);
	channel_free(st->directory);
	channel_free(st->resolver);
	channel_free(st->queue);
	kill(st->pid, SIGKILL);
	waitpid(st->pid, &status, 0);
	close(st->log);
	buf_release(&st->log_text);
	free(st->answers);
}

static void read_log(struct remote_stage *st)
{
	ssize_t n;
	do {
		uint8_t *to = buf_reserve(&st->log_text, 4096);
		n = read(st->log, to, 4096);
		buf_commit(&st->log_text, n > 0 ? (size_t)n : 0);
	} while (n > 0);
}

bool remote_logged(struct remote_stage *st, const char *text)
{
	for (unsigned ms = 0; ms < REMOTE_PATIENCE_MS; ms += 10) {
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

/* ---- servers ------------------------------------------------------------------------ */

void remote_listen(struct remote_listener *l, unsigned host, uint16_t port)
{
	const int on = 1;
	struct sockaddr_in in = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host)};
	socklen_t n = sizeof(in);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(l->fd, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(l->fd, 2000), 0);
	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&in, &n), 0);
	l->port = ntohs(in.sin_port);
}

void remote_listen_close(struct remote_listener *l)
{
	close(l->fd);
}

static bool accept_now(const struct remote_listener *l, struct remote_peer *p)
{
	const int on = 1;
	p->fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	/* Else a second line waits until the first is acknowledged, which may take 40 ms. */
	return p->fd >= 0 && setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
}

/* Turns the loop a little; false when patience is at its end. */
static bool be_patient(unsigned *turns)
{
	unit_turn();
	usleep(200);
	return ++*turns < REMOTE_PATIENCE_MS;
}

void remote_accept(struct remote_listener *l, struct remote_peer *p)
{
	unsigned turns = 0;
	memset(p, 0, sizeof(*p));
	buf_init(&p->in, SIZE_MAX / 2);
	while (!accept_now(l, p))
		ck_assert_msg(be_patient(&turns), "nobody connected");
}

bool remote_has_client(const struct remote_listener *l)
{
	struct remote_peer p;
	if (!accept_now(l, &p))
		return false;
	close(p.fd);
	return true;
}

void remote_peer_close(struct remote_peer *p)
{
	SSL_free(p->ssl);
	close(p->fd);
	buf_release(&p->in);
}

void remote_say(struct remote_peer *p, const char *text)
{
	size_t n = strlen(text);
	unsigned turns = 0;
	while (n > 0) {
		ssize_t done = p->ssl != NULL ? SSL_write(p->ssl, text, (int)n)
					      : send(p->fd, text, n, MSG_NOSIGNAL);
		if (done <= 0 && !be_patient(&turns))
			return;
		text += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
}

static void read_peer(struct remote_peer *p)
{
	uint8_t *to = buf_reserve(&p->in, 65536);
	ssize_t n;
	if (p->ssl != NULL) {
		n = SSL_read(p->ssl, to, 65536);
		if (n <= 0)
			p->closed = SSL_get_error(p->ssl, (int)n) != SSL_ERROR_WANT_READ;
	} else {
		n = recv(p->fd, to, 65536, 0);
		p->closed = n == 0 || (n < 0 && errno != EAGAIN);
	}
	buf_commit(&p->in, n > 0 ? (size_t)n : 0);
}

static bool wait_for_line(struct remote_peer *p, struct str *line)
{
	unsigned turns = 0;
	for (;;) {
		struct str in = buf_str(&p->in);
		size_t n = str_find(in, '\n');
		if (n < in.n) {
			*line = str_head(in, n + 1);
			return true;
		}
		if (p->closed || !be_patient(&turns))
			return false;
		read_peer(p);
	}
}

void remote_expect(struct remote_peer *p, const char *prefix)
{
	struct str line = {NULL, 0};
	bool there = wait_for_line(p, &line);
	ck_assert_msg(there, "nothing came, not \"%s\"", prefix);
	ck_assert_msg(str_has_prefix(line, str_from_cstr(prefix)), "\"%.*s\" came, not \"%s\"",
	    (int)line.n, line.p, prefix);
	buf_consume(&p->in, line.n);
}

void remote_expect_closed(struct remote_peer *p)
{
	struct str line;
	ck_assert_msg(!wait_for_line(p, &line), "more came: %.*s", (int)line.n, line.p);
	ck_assert_msg(p->closed, "it was not closed");
}

size_t remote_expect_content(struct remote_peer *p)
{
	size_t size = 0;
	for (;;) {
		struct str line = {NULL, 0};
		ck_assert_msg(wait_for_line(p, &line), "the content has no end");
		bool end = str_eq(line, STR(".\r\n"));
		size += end ? 0 : line.n;
		buf_consume(&p->in, line.n);
		if (end)
			return size;
	}
}

void remote_hello(struct remote_peer *p, const char *extensions)
{
	remote_say(p, "220 server.example ESMTP\r\n");
	remote_expect(p, "EHLO mx.example.org\r\n");
	remote_say(p, "250-server.example\r\n");
	for (const char *e = extensions; e != NULL;) {
		const char *end = strchr(e, '\n');
		char line[256];
		snprintf(line, sizeof(line), "250-%.*s\r\n",
		    end != NULL ? (int)(end - e) : (int)strlen(e), e);
		remote_say(p, line);
		e = end != NULL ? end + 1 : NULL;
	}
	remote_say(p, "250 HELP\r\n");
}

void remote_take(struct remote_peer *p)
{
	remote_expect(p, "MAIL FROM:<ann@example.org>");
	remote_say(p, "250 2.1.0 ok\r\n");
	remote_expect(p, "RCPT TO:<bob@far.example>");
	remote_say(p, "250 2.1.5 ok\r\n");
	remote_expect(p, "DATA\r\n");
	remote_say(p, "354 go on\r\n");
	remote_expect_content(p);
	remote_say(p, "250 2.0.0 queued as 4711\r\n");
}

/* ---- TLS ------------------------------------------------------------------------------ */

void remote_certificate_make(struct remote_certificate *c, const char *name)
{
	X509V3_CTX ctx;
	char alt[300];
	c->key = EVP_EC_gen("P-256");
	c->cert = X509_new();
	X509_set_version(c->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(c->cert), -86400);
	X509_gmtime_adj(X509_getm_notAfter(c->cert), 86400);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(c->cert), "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
	X509_set_issuer_name(c->cert, X509_get_subject_name(c->cert));
	X509_set_pubkey(c->cert, c->key);
	X509V3_set_ctx(&ctx, c->cert, c->cert, NULL, NULL, 0);
	snprintf(alt, sizeof(alt), "DNS:%s", name);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alt);
	X509_add_ext(c->cert, ext, -1);
	X509_EXTENSION_free(ext);
	ck_assert_int_gt(X509_sign(c->cert, c->key, EVP_sha256()), 0);
}

void remote_certificate_free(struct remote_certificate *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->cert);
}

bool remote_peer_tls(struct remote_peer *p, const struct remote_certificate *c)
{
	unsigned turns = 0;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(ctx, c->cert);
	SSL_CTX_use_PrivateKey(ctx, c->key);
	if (c->demanding)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	p->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(p->ssl, p->fd);
	for (;;) {
		int rc = SSL_accept(p->ssl);
		if (rc == 1)
			return true;
		int error = SSL_get_error(p->ssl, rc);
		if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			return false;
		ck_assert_msg(be_patient(&turns), "the handshake hangs");
	}
}
