/* SPDX-License-Identifier: ISC */
#include "control/smtp-client.h"
#include "control/unix-socket.h"

#include "common/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	REPLY_PATIENCE_MS = 5 * 60 * 1000,  /* RFC 5321 §4.5.3.2 */
	FINAL_PATIENCE_MS = 10 * 60 * 1000, /* §4.5.3.2.6 */
	QUIT_PATIENCE_MS = 5 * 1000,
	RECEIVE_PIECE = 4096,
	RECIPIENTS_DEFAULT = 100, /* §4.5.3.1.8: every server takes as many */
};

static const struct extension_row {
	struct str keyword;
	enum smtp_extension flag;
} extension_rows[] = {
    {STR("8BITMIME"), SMTP_8BITMIME},
    {STR("SIZE"), SMTP_SIZE},
    {STR("DSN"), SMTP_DSN},
    {STR("SMTPUTF8"), SMTP_SMTPUTF8},
};

static int say(int status, const char *what)
{
	fprintf(stderr, "sendmail: %s\n", what);
	return status;
}

/* Prints the text of a reply; it comes from our own server, but may repeat what anybody wrote. */
static void print_text(const struct smtp_reply *reply)
{
	struct str rest = reply->lines, text;
	for (bool first = true; smtp_reply_next_line(&rest, &text); first = false) {
		fprintf(stderr, first ? "%u " : " ", reply->code);
		for (size_t i = 0; i < text.n; i++)
			fputc((uint8_t)text.p[i] < ' ' || text.p[i] == 0x7f ? '?' : text.p[i],
			    stderr);
	}
	fputc('\n', stderr);
}

int smtp_client_complain(const struct smtp_client *c, enum smtp_stage stage, struct str about)
{
	fprintf(stderr, "sendmail: %.*s%s", STR_ARG(about), about.n > 0 ? ": " : "");
	print_text(&c->reply);
	return smtp_reply_status(&c->reply, stage);
}

/* --- Octets --- */

/* True when the socket is ready for one of `events`. */
static bool wait_for(const struct smtp_client *c, short events, int patience_ms, short *ready)
{
	struct pollfd p = {.fd = c->fd, .events = events};
	int n;
	do
		n = poll(&p, 1, patience_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	if (ready != NULL)
		*ready = p.revents;
	return n > 0;
}

static bool fill(struct smtp_client *c)
{
	uint8_t *to = buf_reserve(&c->in, RECEIVE_PIECE);
	if (to == NULL) {
		errno = EPROTO;
		return false;
	}
	ssize_t n = recv(c->fd, to, RECEIVE_PIECE, 0);
	if (n == 0)
		errno = ECONNRESET;
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	buf_commit(&c->in, (size_t)n);
	return true;
}

static bool parse_reply(struct smtp_client *c, enum smtp_reply_result *result)
{
	*result = smtp_reply_parse(buf_str(&c->in), &c->reply);
	return *result != SMTP_REPLY_PARTIAL;
}

static int connection_lost(void)
{
	fprintf(stderr, "sendmail: the mail server: %s: try again\n", strerror(errno));
	return EX_TEMPFAIL;
}

/* Waits for the next reply. The one before it is forgotten. */
static int read_reply(struct smtp_client *c, int patience_ms)
{
	enum smtp_reply_result result;
	buf_consume(&c->in, c->reply.lines.n);
	c->reply = (struct smtp_reply){.code = 0};
	while (!parse_reply(c, &result))
		if (!wait_for(c, POLLIN, patience_ms, NULL) || !fill(c))
			return connection_lost();
	if (result == SMTP_REPLY_MALFORMED)
		return say(EX_PROTOCOL, "the mail server answered what is no SMTP reply");
	if (c->verbose)
		print_text(&c->reply);
	return EX_OK;
}

bool smtp_client_stream(struct smtp_client *c)
{
	while (buf_len(&c->out) > 0) {
		short ready;
		if (!wait_for(c, POLLIN | POLLOUT, REPLY_PATIENCE_MS, &ready) || (ready & POLLIN))
			return false;
		ssize_t n = send(c->fd, buf_data(&c->out), buf_len(&c->out), MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (n > 0)
			buf_consume(&c->out, (size_t)n);
	}
	return true;
}

/* A server that has spoken before it heard the command says why it leaves. */
int smtp_client_command(struct smtp_client *c)
{
	if (c->verbose)
		fprintf(stderr, ">>> %.*s", STR_ARG(buf_str(&c->out)));
	smtp_client_stream(c);
	buf_reset(&c->out);
	return read_reply(c, REPLY_PATIENCE_MS);
}

int smtp_client_finish(struct smtp_client *c)
{
	buf_reset(&c->out);
	return read_reply(c, FINAL_PATIENCE_MS);
}

/* --- Greeting --- */

static void learn_limits(struct smtp_client *c, struct str words)
{
	uint64_t n;
	while (words.n > 0) {
		struct str word = str_head(words, str_find(words, ' '));
		if (str_has_caseprefix(word, STR("RCPTMAX=")) &&
		    str_parse_u64(str_skip(word, 8), RECIPIENTS_MAX, &n) && n > 0)
			c->recipients_max = (size_t)n;
		words = str_skip(words, word.n + 1);
	}
}

static void learn_extension(struct smtp_client *c, struct str line)
{
	struct str keyword = str_head(line, str_find(line, ' '));
	for (size_t i = 0; i < sizeof(extension_rows) / sizeof(extension_rows[0]); i++)
		if (str_caseeq(keyword, extension_rows[i].keyword))
			c->extensions |= extension_rows[i].flag;
	if (str_caseeq(keyword, STR("LIMITS")))
		learn_limits(c, str_skip(line, keyword.n + 1));
}

/* The first word of the first line is the server's name (RFC 5321 §4.1.1.1). */
static void learn(struct smtp_client *c)
{
	struct str rest = c->reply.lines, text;
	for (bool first = true; smtp_reply_next_line(&rest, &text); first = false) {
		struct str word = str_head(text, str_find(text, ' '));
		if (first)
			snprintf(c->origin, sizeof(c->origin), "%.*s", STR_ARG(word));
		else
			learn_extension(c, text);
	}
}

static int expect(struct smtp_client *c, int status, enum smtp_stage stage)
{
	if (status == EX_OK && c->reply.code >= 400)
		status = smtp_client_complain(c, stage, STR(""));
	return status;
}

int smtp_client_connect(const char *run)
{
	int fd = unix_socket_connect(run, "sendmail.sock", SOCK_STREAM);
	if (fd < 0)
		fprintf(stderr,
		    "sendmail: %s/sendmail.sock: %s: is the suite running? start it with `postern "
		    "start`\n",
		    run, strerror(errno));
	return fd;
}

int smtp_client_open(struct smtp_client *c, int fd, bool verbose)
{
	*c = (struct smtp_client){.fd = fd,
	    .verbose = verbose,
	    .recipients_max = RECIPIENTS_DEFAULT,
	    .in = BUF_INIT(SMTP_REPLY_MAX + 8192),
	    .out = BUF_INIT(SMTP_CLIENT_OUT_MAX)};
	fcntl(fd, F_SETFL, O_NONBLOCK);
	int status = expect(c, read_reply(c, REPLY_PATIENCE_MS), SMTP_STAGE_CONNECT);
	if (status != EX_OK)
		return status;
	buf_append_str(&c->out, STR("EHLO localhost\r\n"));
	status = expect(c, smtp_client_command(c), SMTP_STAGE_CONNECT);
	if (status == EX_OK)
		learn(c);
	return status;
}

void smtp_client_close(struct smtp_client *c)
{
	/* What the server answers changes nothing any more, but it is to be waited for (§4.1.1.10).
	 */
	if (send(c->fd, "QUIT\r\n", 6, MSG_NOSIGNAL) > 0)
		wait_for(c, POLLIN, QUIT_PATIENCE_MS, NULL);
	close(c->fd);
	buf_release(&c->in);
	buf_release(&c->out);
}
