/* SPDX-License-Identifier: ISC
 *
 * A client of many connections for TLS measurements: smtp-source has no TLS. It speaks as mail
 * servers do, with PIPELINING (RFC 2920), and waits for events, so that it costs little beside what
 * it measures.
 *
 *   tls-client PORT mail MESSAGES CONNECTIONS full|resume   one message per connection, STARTTLS
 *   tls-client PORT idle CONNECTIONS                        opens them in TLS, waits for end of input
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_SIZE = 4096, CONTENT_SIZE = 4096, EVENTS = 64, THREADS_MAX = 64 };

enum step { GREETING, HELLO, STARTTLS, HELLO_IN_TLS, ENVELOPE, CONTENT, STEPS };

static char content[CONTENT_SIZE + 1];

/* What is said, and the first digits of the replies to it. */
static const struct {
	const char *text;
	const char *replies;
} dialogue[STEPS] = {
    [GREETING] = {"", "2"},
    [HELLO] = {"EHLO bench.example\r\n", "2"},
    [STARTTLS] = {"STARTTLS\r\n", "2"},
    [HELLO_IN_TLS] = {"EHLO bench.example\r\n", "2"},
    [ENVELOPE] = {"MAIL FROM:<a@bench.example>\r\nRCPT TO:<user0@bench.example.test>\r\nDATA\r\n", "223"},
    [CONTENT] = {content, "22"},
};

struct visitor {
	struct crowd *crowd;
	SSL *ssl;
	SSL_SESSION *session; /* of the connection before */
	int fd;
	enum step step;
	bool shaking_hands;
	size_t replies; /* to this step so far */
	size_t n;	/* of `input` */
	char input[INPUT_SIZE];
};

/* What one thread has. */
struct crowd {
	SSL_CTX *ctx;
	int events;
	int present;
	int wanted;
	pthread_t thread;
};

static in_port_t port;
static atomic_int left; /* connections to be made */
static bool resume;
static enum step last = CONTENT;

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* ---- one connection ----------------------------------------------------------------- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct visitor *v = SSL_get_app_data(ssl);
	SSL_SESSION_free(v->session);
	v->session = session;
	return 1;
}

static void say(struct visitor *v, enum step step)
{
	const char *text = dialogue[step].text;
	size_t n = strlen(text);
	ssize_t done = v->ssl == NULL ? send(v->fd, text, n, 0) : SSL_write(v->ssl, text, (int)n);
	if (done != (ssize_t)n)
		die("send");
	v->step = step;
	v->replies = 0;
}

static void enter(struct visitor *v)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v->ssl = NULL;
	v->step = GREETING;
	v->replies = v->n = 0;
	v->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (v->fd < 0 || connect(v->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	/* Else what follows the handshake waits 40 ms for the acknowledgement of its end. */
	if (setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
	    fcntl(v->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    epoll_ctl(v->crowd->events, EPOLL_CTL_ADD, v->fd, &e) < 0)
		die("a socket");
	v->crowd->present++;
}

static void begin_tls(struct visitor *v)
{
	v->ssl = SSL_new(v->crowd->ctx);
	if (v->ssl == NULL || SSL_set_fd(v->ssl, v->fd) != 1)
		die("SSL_new");
	SSL_set_app_data(v->ssl, v);
	SSL_set_connect_state(v->ssl);
	if (resume && v->session != NULL)
		SSL_set_session(v->ssl, v->session);
	v->shaking_hands = true;
}

/* False: what is missing has not come. */
static bool shake_hands(struct visitor *v)
{
	int rc = SSL_do_handshake(v->ssl);
	if (rc != 1 && SSL_get_error(v->ssl, rc) != SSL_ERROR_WANT_READ)
		die("TLS");
	if (rc != 1)
		return false;
	v->shaking_hands = false;
	say(v, HELLO_IN_TLS);
	return true;
}

static void leave(struct visitor *v)
{
	SSL_set_shutdown(v->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(v->ssl);
	v->ssl = NULL;
	close(v->fd);
	v->crowd->present--;
	if (atomic_fetch_sub(&left, 1) > 0)
		enter(v);
}

static void go_on(struct visitor *v)
{
	if (v->step == last && v->step == CONTENT) {
		leave(v);
	} else if (v->step == last) {
		v->crowd->wanted--;
	} else if (v->step == STARTTLS) {
		begin_tls(v);
		(void)shake_hands(v);
	} else {
		say(v, v->step + 1);
	}
}

/* Takes a line; true when it was the last one that this step waits for. */
static bool hear_line(struct visitor *v, const char *line)
{
	const char *replies = dialogue[v->step].replies;
	if (line[3] != ' ')
		return false;
	if (line[0] != replies[v->replies]) {
		fprintf(stderr, "the server said: %.80s\n", line);
		exit(1);
	}
	return replies[++v->replies] == '\0';
}

static void hear_lines(struct visitor *v)
{
	char *line = v->input, *end;
	bool done = false;
	while (!done && (end = memchr(line, '\n', v->n - (size_t)(line - v->input))) != NULL) {
		done = end - line > 3 && hear_line(v, line);
		line = end + 1;
	}
	v->n -= (size_t)(line - v->input);
	memmove(v->input, line, v->n);
	if (done)
		go_on(v);
}

/* False: nothing has come. */
static bool hear(struct visitor *v)
{
	size_t room = sizeof(v->input) - v->n;
	int n = v->ssl == NULL ? (int)recv(v->fd, v->input + v->n, room, 0)
			       : SSL_read(v->ssl, v->input + v->n, (int)room);
	if (n <= 0 && v->ssl != NULL && SSL_get_error(v->ssl, n) == SSL_ERROR_WANT_READ)
		return false;
	if (n <= 0)
		die("the server went away");
	v->n += (size_t)n;
	return true;
}

static bool may_hear_more(const struct visitor *v)
{
	return v->ssl != NULL && !v->shaking_hands && SSL_has_pending(v->ssl) == 1;
}

/* What OpenSSL has read already, the socket will not tell of. */
static void on_readable(struct visitor *v)
{
	if (v->shaking_hands && (!shake_hands(v) || !may_hear_more(v)))
		return;
	while (hear(v)) {
		hear_lines(v);
		if (!may_hear_more(v))
			break;
	}
}

/* ---- many of them ------------------------------------------------------------------- */

static void begin(struct crowd *c)
{
	c->events = epoll_create1(0);
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->events < 0 || c->ctx == NULL)
		die("epoll_create1");
	SSL_CTX_set_session_cache_mode(
	    c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(c->ctx, keep_session);
	SSL_CTX_set_read_ahead(c->ctx, 1);
}

static struct visitor *new_visitor(struct crowd *c)
{
	struct visitor *v = calloc(1, sizeof(*v));
	if (v == NULL)
		die("calloc");
	v->crowd = c;
	enter(v);
	return v;
}

static void turn(struct crowd *c)
{
	struct epoll_event ready[EVENTS];
	int n = epoll_wait(c->events, ready, EVENTS, -1);
	for (int i = 0; i < n; i++)
		on_readable(ready[i].data.ptr);
}

static void *send_mail(void *arg)
{
	struct crowd *c = arg;
	begin(c);
	for (int i = 0; i < c->wanted; i++)
		if (atomic_fetch_sub(&left, 1) > 0)
			new_visitor(c);
	while (c->present > 0)
		turn(c);
	return NULL;
}

static void make_content(void)
{
	static const char end[] = "\r\n.\r\nQUIT\r\n";
	memset(content, 'x', CONTENT_SIZE);
	for (size_t i = 70; i + 2 < CONTENT_SIZE; i += 72)
		memcpy(content + i, "\r\n", 2);
	memcpy(content, "Subject: x\r\n\r\n", 14);
	memcpy(content + CONTENT_SIZE - strlen(end), end, strlen(end));
}

static void mail(int messages, int connections)
{
	static struct crowd crowds[THREADS_MAX];
	struct timespec a, b;
	int threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
	threads = threads > THREADS_MAX ? THREADS_MAX : threads;
	threads = threads > connections ? connections : threads;
	atomic_store(&left, messages);
	make_content();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < threads; i++) {
		crowds[i].wanted = connections / threads + (i < connections % threads);
		if (pthread_create(&crowds[i].thread, NULL, send_mail, &crowds[i]) != 0)
			die("thread");
	}
	for (int i = 0; i < threads; i++)
		pthread_join(crowds[i].thread, NULL);
	clock_gettime(CLOCK_MONOTONIC, &b);
	double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	printf("%d messages in %.2f s: %.0f/s\n", messages, s, messages / s);
}

/* The server has not given it up. */
static bool is_open(int fd)
{
	char octet;
	return recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

static void idle(int connections)
{
	struct visitor **all = calloc((size_t)connections, sizeof(*all));
	struct rlimit limit = {
	    .rlim_cur = (rlim_t)connections + 100, .rlim_max = (rlim_t)connections + 100};
	struct crowd c = {.wanted = 0};
	int open = 0;
	if (all == NULL || setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	last = HELLO_IN_TLS;
	begin(&c);
	for (int i = 0; i < connections; i++) {
		c.wanted = 1;
		all[i] = new_visitor(&c);
		while (c.wanted > 0)
			turn(&c);
	}
	for (int i = 0; i < connections; i++)
		open += is_open(all[i]->fd);
	printf("%d\n", open);
	fflush(stdout);
	while (getchar() != EOF)
		;
}

static int number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (*end != '\0' || n <= 0 || n > 1000000) {
		fprintf(stderr, "%s is no number\n", text);
		exit(64);
	}
	return (int)n;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "tls-client PORT mail MESSAGES CONNECTIONS full|resume\n"
				"tls-client PORT idle CONNECTIONS\n");
		return 64;
	}
	port = (in_port_t)number(argv[1]);
	if (strcmp(argv[2], "idle") == 0) {
		idle(number(argv[3]));
		return 0;
	}
	resume = argc > 5 && strcmp(argv[5], "resume") == 0;
	mail(number(argv[3]), argc > 4 ? number(argv[4]) : 1);
	return 0;
}
