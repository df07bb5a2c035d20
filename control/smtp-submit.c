/* SPDX-License-Identifier: ISC */
#include "control/smtp-submit.h"
#include "control/dotted.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum { PIECE = 64 * 1024 };

static int say(int status, const char *what)
{
	fprintf(stderr, "sendmail: %s\n", what);
	return status;
}

static bool has_high_bytes(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] >= 0x80)
			return true;
	return false;
}

/* RFC 3461 §4. */
static void put_xtext(struct buf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c > ' ' && c <= '~' && c != '+' && c != '=')
			buf_append_u8(out, (uint8_t)c);
		else
			buf_printf(out, "+%02X", (unsigned)(uint8_t)c);
	}
}

static uint64_t size_of(const struct smtp_message *m)
{
	return m->header.n + (m->input->size - m->body) + m->input->lines;
}

static void put_dsn(struct smtp_client *c, const struct smtp_message *m)
{
	if (m->ret != RET_NONE)
		buf_printf(&c->out, " RET=%s", m->ret == RET_FULL ? "FULL" : "HDRS");
	if (m->envid.n > 0) {
		buf_append_str(&c->out, STR(" ENVID="));
		put_xtext(&c->out, m->envid);
	}
}

static int send_mail(struct smtp_client *c, const struct smtp_message *m)
{
	bool utf8 = m->recipients->need_utf8 || has_high_bytes(m->sender);
	if (utf8 && !(c->extensions & SMTP_SMTPUTF8))
		return say(
		    EX_UNAVAILABLE, "the mail server takes no addresses beyond ASCII (SMTPUTF8)");
	buf_append_str(&c->out, STR("MAIL FROM:<"));
	buf_append_str(&c->out, m->sender);
	buf_append_u8(&c->out, '>');
	if (c->extensions & SMTP_8BITMIME)
		buf_append_str(&c->out, STR(" BODY=8BITMIME"));
	if (c->extensions & SMTP_SIZE)
		buf_printf(&c->out, " SIZE=%llu", (unsigned long long)size_of(m));
	if (utf8)
		buf_append_str(&c->out, STR(" SMTPUTF8"));
	if (c->extensions & SMTP_DSN)
		put_dsn(c, m);
	buf_append_str(&c->out, STR("\r\n"));
	int status = smtp_client_command(c);
	if (status == EX_OK && c->reply.code >= 400)
		status = smtp_client_complain(c, SMTP_STAGE_MAIL, m->sender);
	return status;
}

static void put_notify(struct buf *out, unsigned notify)
{
	static const struct {
		enum notify flag;
		const char *name;
	} names[] = {{NOTIFY_NEVER, "NEVER"}, {NOTIFY_SUCCESS, "SUCCESS"},
	    {NOTIFY_FAILURE, "FAILURE"}, {NOTIFY_DELAY, "DELAY"}};
	const char *before = " NOTIFY=";
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(notify & names[i].flag))
			continue;
		buf_printf(out, "%s%s", before, names[i].name);
		before = ",";
	}
}

/* EX_OK also when the server refuses: then `reply` tells. */
static int send_recipient(struct smtp_client *c, const struct smtp_message *m, struct str address)
{
	buf_append_str(&c->out, STR("RCPT TO:<"));
	buf_append_str(&c->out, address);
	buf_append_u8(&c->out, '>');
	if (c->extensions & SMTP_DSN)
		put_notify(&c->out, m->notify);
	buf_append_str(&c->out, STR("\r\n"));
	return smtp_client_command(c);
}

/* *refusal becomes the status of the first that was refused for good. */
static int send_recipients(struct smtp_client *c, const struct smtp_message *m, size_t from,
    size_t n, size_t *taken, int *refusal)
{
	*taken = 0;
	for (size_t i = from; i < from + n; i++) {
		struct str address = m->recipients->list[i];
		int status = send_recipient(c, m, address);
		if (status != EX_OK)
			return status;
		if (c->reply.code < 300) {
			(*taken)++;
			continue;
		}
		status = smtp_client_complain(c, SMTP_STAGE_RCPT, address);
		if (status == EX_TEMPFAIL)
			return status;
		if (*refusal == EX_OK)
			*refusal = status;
	}
	return EX_OK;
}

static bool send_piece(struct smtp_client *c, struct dotted *d, struct str piece)
{
	return dotted_put(d, &c->out, piece) && smtp_client_stream(c);
}

/* False when the connection is lost or the server has refused already. *broken when the input
 * cannot be read: then the message must not be ended. */
static bool send_content(struct smtp_client *c, const struct smtp_message *m, bool *broken)
{
	static char piece[PIECE];
	struct dotted d = {false, false};
	*broken = false;
	if (!send_piece(c, &d, m->header))
		return false;
	for (uint64_t at = m->body; at < m->input->size;) {
		ssize_t n = input_get(m->input, at, piece, sizeof(piece));
		*broken = n <= 0;
		if (*broken || !send_piece(c, &d, str_from(piece, (size_t)n)))
			return false;
		at += (uint64_t)n;
	}
	return dotted_end(&d, &c->out) && smtp_client_stream(c);
}

static int send_data(struct smtp_client *c, const struct smtp_message *m)
{
	bool broken;
	buf_append_str(&c->out, STR("DATA\r\n"));
	int status = smtp_client_command(c);
	if (status != EX_OK)
		return status;
	if (c->reply.code != 354)
		return smtp_client_complain(c, SMTP_STAGE_CONTENT, STR(""));
	send_content(c, m, &broken);
	if (broken)
		return say(EX_IOERR, "the message cannot be read again: nothing was sent");
	status = smtp_client_finish(c);
	if (status == EX_OK && c->reply.code >= 300)
		status = smtp_client_complain(c, SMTP_STAGE_CONTENT, STR(""));
	return status;
}

static int send_reset(struct smtp_client *c)
{
	buf_append_str(&c->out, STR("RSET\r\n"));
	return smtp_client_command(c);
}

static int transaction(
    struct smtp_client *c, const struct smtp_message *m, size_t from, size_t n, int *refusal)
{
	size_t taken = 0;
	int status = send_mail(c, m);
	if (status == EX_OK)
		status = send_recipients(c, m, from, n, &taken, refusal);
	if (status == EX_OK)
		status = taken > 0 ? send_data(c, m) : send_reset(c);
	return status;
}

static void say_who_has_it(size_t n)
{
	if (n == 1)
		fprintf(stderr, "sendmail: the first recipient has it already\n");
	else
		fprintf(stderr, "sendmail: the first %zu recipients have it already\n", n);
}

int smtp_submit(struct smtp_client *c, const struct smtp_message *m)
{
	int refusal = EX_OK;
	size_t total = m->recipients->count;
	for (size_t from = 0; from < total;) {
		size_t left = total - from;
		size_t n = left < c->recipients_max ? left : c->recipients_max;
		int status = transaction(c, m, from, n, &refusal);
		if (status != EX_OK) {
			if (from > 0)
				say_who_has_it(from);
			return status;
		}
		from += n;
	}
	return refusal;
}
