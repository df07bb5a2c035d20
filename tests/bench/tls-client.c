/* SPDX-License-Identifier: ISC
 *
 * A client of many threads for TLS measurements: smtp-source has no TLS.
 *
 *   tls-client PORT mail MESSAGES THREADS full|resume   one message per connection, STARTTLS
 *   tls-client PORT idle CONNECTIONS                    opens them in TLS, waits for end of input
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 4096, BODY_SIZE = 4096, THREADS_MAX = 256 };

static in_port_t port;
static atomic_int left;
static bool resume;
static char body[BODY_SIZE + 1];

struct visitor {
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *session;
	int fd;
};

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct visitor *v = SSL_get_app_data(ssl);
	SSL_SESSION_free(v->session);
	v->session = session;
	return 1;
}

static void read_reply(struct visitor *v, char code)
{
	char line[LINE_SIZE];
	size_t n = 0;
	for (;;) {
		int more = v->ssl == NULL ? (int)recv(v->fd, line + n, sizeof(line) - 1 - n, 0)
					  : SSL_read(v->ssl, line + n, (int)(sizeof(line) - 1 - n));
		if (more <= 0)
			die("the server went away");
		n += (size_t)more;
		line[n] = '\0';
		const char *last = n < 2 ? NULL : memrchr(line, '\n', n - 1);
		last = last == NULL ? line : last + 1;
		if (n > 4 && line[n - 1] == '\n' && last[3] == ' ') {
			if (last[0] != code) {
				fprintf(stderr, "the server said: %s", line);
				exit(1);
			}
			return;
		}
	}
}

static void say(struct visitor *v, const char *text, char code)
{
	size_t n = strlen(text);
	ssize_t done = v->ssl == NULL ? send(v->fd, text, n, 0) : SSL_write(v->ssl, text, (int)n);
	if (done != (ssize_t)n)
		die("send");
	read_reply(v, code);
}

static void enter(struct visitor *v)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	v->ssl = NULL;
	v->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (v->fd < 0 || connect(v->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	/* Else what follows the handshake waits 40 ms for the acknowledgement of its end. */
	if (setsockopt(v->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
		die("setsockopt");
	read_reply(v, '2');
	say(v, "EHLO bench.example\r\n", '2');
	say(v, "STARTTLS\r\n", '2');
	v->ssl = SSL_new(v->ctx);
	SSL_set_app_data(v->ssl, v);
	SSL_set_fd(v->ssl, v->fd);
	if (resume && v->session != NULL)
		SSL_set_session(v->ssl, v->session);
	if (SSL_connect(v->ssl) != 1)
		die("TLS");
}

static void leave(struct visitor *v)
{
	SSL_set_shutdown(v->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(v->ssl);
	close(v->fd);
}

static SSL_CTX *new_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(ctx, keep_session);
	return ctx;
}

static void *send_mail(void *arg)
{
	struct visitor v = {.ctx = new_context()};
	(void)arg;
	while (atomic_fetch_sub(&left, 1) > 0) {
		enter(&v);
		say(&v, "EHLO bench.example\r\n", '2');
		say(&v, "MAIL FROM:<a@bench.example>\r\n", '2');
		say(&v, "RCPT TO:<user0@bench.example.test>\r\n", '2');
		say(&v, "DATA\r\n", '3');
		say(&v, body, '2');
		say(&v, "QUIT\r\n", '2');
		leave(&v);
	}
	SSL_SESSION_free(v.session);
	SSL_CTX_free(v.ctx);
	return NULL;
}

static void mail(int messages, int threads)
{
	pthread_t list[THREADS_MAX];
	struct timespec a, b;
	atomic_store(&left, messages);
	memset(body, 'x', BODY_SIZE);
	for (size_t i = 70; i + 2 < BODY_SIZE; i += 72)
		memcpy(body + i, "\r\n", 2);
	memcpy(body, "Subject: x\r\n\r\n", 14);
	memcpy(body + BODY_SIZE - 5, "\r\n.\r\n", 5);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&list[i], NULL, send_mail, NULL) != 0)
			die("thread");
	for (int i = 0; i < threads; i++)
		pthread_join(list[i], NULL);
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
	int *fds = calloc((size_t)connections, sizeof(*fds)), open = 0;
	struct rlimit limit = {
	    .rlim_cur = (rlim_t)connections + 100, .rlim_max = (rlim_t)connections + 100};
	struct visitor v = {.ctx = new_context()};
	if (fds == NULL || setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	for (int i = 0; i < connections; i++) {
		enter(&v);
		say(&v, "EHLO bench.example\r\n", '2');
		fds[i] = v.fd;
	}
	for (int i = 0; i < connections; i++)
		open += is_open(fds[i]);
	free(fds);
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
		fprintf(stderr, "tls-client PORT mail MESSAGES THREADS full|resume\n"
				"tls-client PORT idle CONNECTIONS\n");
		return 64;
	}
	port = (in_port_t)number(argv[1]);
	if (strcmp(argv[2], "idle") == 0) {
		idle(number(argv[3]));
		return 0;
	}
	int threads = argc > 4 ? number(argv[4]) : 1;
	resume = argc > 5 && strcmp(argv[5], "resume") == 0;
	mail(number(argv[3]), threads < THREADS_MAX ? threads : THREADS_MAX);
	return 0;
}
