/* SPDX-License-Identifier: ISC
 *
 * The least that a server with OpenSSL can do for the client of the TLS measurements: the handshake
 * with its own key at hand and one ticket, and the dialogue, of which it understands the first four
 * octets of each line. Mail is read and thrown away. What a mail server costs above it is its own.
 *
 *   tls-floor PORT CHAIN KEY   until it is killed; says "ready" when it listens
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, EVENTS = 64, INPUT_SIZE = 65536, OUTPUT_SIZE = 1024 };

struct visitor {
	SSL *ssl;
	int fd;
	bool in_mail;
	bool leaves;
};

static SSL_CTX *ctx;
static int events;
static char input[INPUT_SIZE];

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void watch(int fd, struct visitor *v)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = v};
	if (epoll_ctl(events, EPOLL_CTL_ADD, fd, &e) < 0)
		die("epoll_ctl");
}

static void say(struct visitor *v, const char *text)
{
	int n = (int)strlen(text);
	if ((v->ssl == NULL ? (int)send(v->fd, text, (size_t)n, MSG_NOSIGNAL)
			    : SSL_write(v->ssl, text, n)) != n)
		ERR_clear_error(); /* its end will be read */
}

static void leave(struct visitor *v)
{
	SSL_free(v->ssl);
	close(v->fd);
	free(v);
}

static void welcome(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	struct visitor *v = fd < 0 ? NULL : calloc(1, sizeof(*v));
	if (v == NULL)
		return; /* the other process was quicker */
	v->fd = fd;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0)
		die("setsockopt");
	watch(fd, v);
	say(v, "220 floor ESMTP\r\n");
}

static void begin_tls(struct visitor *v)
{
	say(v, "220 2.0.0 go on\r\n");
	v->ssl = SSL_new(ctx);
	if (v->ssl == NULL || SSL_set_fd(v->ssl, v->fd) != 1)
		die("SSL_new");
	SSL_set_accept_state(v->ssl);
}

static const char *reply_to(struct visitor *v, const char *line)
{
	if (memcmp(line, "EHLO", 4) == 0)
		return v->ssl == NULL ? "250-floor\r\n250 STARTTLS\r\n"
				      : "250-floor\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
	v->in_mail = memcmp(line, "DATA", 4) == 0;
	v->leaves = memcmp(line, "QUIT", 4) == 0;
	return v->in_mail ? "354 go on\r\n" : v->leaves ? "221 2.0.0 bye\r\n" : "250 2.0.0 ok\r\n";
}

/* There is room for it. */
static void add(char out[OUTPUT_SIZE], const char *reply)
{
	memcpy(out + strlen(out), reply, strlen(reply) + 1);
}

/* The rest of `in` behind the end of the mail, or nothing when it has not come. */
static const char *skip_mail(struct visitor *v, const char *in, size_t n)
{
	const char *end = memmem(in, n, "\r\n.\r\n", 5);
	v->in_mail = end == NULL;
	return end == NULL ? in + n : end + 5;
}

/* Lines are whole, as the client sends them; what it says at once is answered at once. */
static void answer(struct visitor *v, const char *in, size_t n)
{
	const char *all = in, *end;
	char out[OUTPUT_SIZE] = "";
	while ((size_t)(in - all) < n && strlen(out) < OUTPUT_SIZE / 2) {
		size_t rest = n - (size_t)(in - all);
		if (v->in_mail) {
			in = skip_mail(v, in, rest);
			if (!v->in_mail)
				add(out, "250 2.0.0 thrown away\r\n");
		} else if (rest >= 4 && (end = memchr(in, '\n', rest)) != NULL) {
			if (memcmp(in, "STAR", 4) == 0)
				begin_tls(v);
			else
				add(out, reply_to(v, in));
			in = end + 1;
		} else {
			break;
		}
	}
	if (out[0] != '\0')
		say(v, out);
	if (v->leaves) {
		SSL_set_shutdown(v->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		leave(v);
	}
}

static void hear(struct visitor *v)
{
	if (v->ssl != NULL && !SSL_is_init_finished(v->ssl)) {
		ERR_clear_error();
		if (SSL_do_handshake(v->ssl) != 1 || !SSL_has_pending(v->ssl))
			return;
	}
	ERR_clear_error();
	int n = v->ssl == NULL ? (int)recv(v->fd, input, sizeof(input), 0)
			       : SSL_read(v->ssl, input, sizeof(input));
	if (n >= 4)
		answer(v, input, (size_t)n);
	else if (v->ssl == NULL || SSL_get_error(v->ssl, n) != SSL_ERROR_WANT_READ)
		leave(v);
}

__attribute__((noreturn)) static void serve(int listener)
{
	struct epoll_event ready[EVENTS];
	events = epoll_create1(0);
	if (events < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		die("epoll_create1");
	watch(listener, NULL);
	for (;;) {
		int n = epoll_wait(events, ready, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr == NULL)
				welcome(listener);
			else
				hear(ready[i].data.ptr);
		}
	}
}

static int listen_on(const char *port)
{
	struct sockaddr_in at = {
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0)
		die("listen");
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "tls-floor PORT CHAIN KEY\n");
		return 64;
	}
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 ||
	    SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) != 1)
		die("TLS");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"floor", 5);
	int listener = listen_on(argv[1]);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	for (long i = 0; i < processors; i++)
		if (fork() == 0)
			serve(listener);
	printf("ready\n");
	fflush(stdout);
	for (;;)
		pause();
}
