/* SPDX-License-Identifier: ISC
 *
 * From replies and faults to results.
 *
 * Invariant: a recipient has at most one result, and after client_fail no recipient
 * is without one. What is left in `out` then could end a content that was said to be
 * not taken: it is thrown away.
 */
#include "deliver-remote/client-internal.h"

#include <stdarg.h>
#include <stdio.h>

static struct str default_status(unsigned class)
{
	return class == 2 ? STR("2.0.0") : class == 5 ? STR("5.0.0") : STR("4.0.0");
}

/* RFC 5321 §4.5.3.1.10: some servers answer 552 where 452 is meant. */
static bool is_too_many(const struct client *c)
{
	struct str enhanced = str_from_cstr(c->reply.enhanced);
	if (c->reply.code == 452)
		return enhanced.n == 0 || str_eq(enhanced, STR("4.5.3"));
	return c->reply.code == 552 && str_eq(enhanced, STR("5.5.3"));
}

struct client_result client_verdict(const struct client *c)
{
	unsigned class = c->reply.code / 100;
	struct client_result r = {
	    .outcome = class == 2   ? DELIVERY_TAKEN
		       : class == 5 ? DELIVERY_FAILED
				    : DELIVERY_DEFERRED,
	    .cause = class == 2 ? CLIENT_NO_FAILURE : CLIENT_REFUSED,
	    .status = str_from_cstr(c->reply.enhanced),
	    .reply = reply_text(&c->reply),
	    .command = client_phase_command(c),
	    .dsn_passed = class == 2 && client_has(c, EXT_DSN),
	};
	if (r.status.n == 0)
		r.status = default_status(class);
	if (c->phase == CLIENT_PHASE_RCPT && c->accepted > 0 && is_too_many(c)) {
		r.outcome = DELIVERY_DEFERRED;
		r.status = STR("4.5.3");
		r.again = true;
	}
	r.next_host = r.outcome == DELIVERY_DEFERRED && !r.again && c->phase != CLIENT_PHASE_END;
	return r;
}

void client_settle(struct client *c, size_t recipient, const struct client_result *result)
{
	uint8_t *state = &c->rcpt[recipient];
	if (*state & RCPT_SETTLED)
		return;
	if (*state & RCPT_ACCEPTED)
		c->accepted--;
	*state = (uint8_t)((*state & ~RCPT_ACCEPTED) | RCPT_SETTLED);
	c->pending--;
	c->ops->on_result(c->ctx, c->mail, recipient, result);
}

void client_settle_before(struct client *c, const struct client_result *result)
{
	const struct client_mail *mail = c->before.mail;
	for (size_t i = 0; i < mail->recipient_count; i++)
		if (!(c->before.rcpt[i] & RCPT_SETTLED))
			c->ops->on_result(c->ctx, mail, i, result);
	c->before.mail = NULL;
}

static struct str keep(char *to, size_t size, struct str s)
{
	s = str_head(s, size - 1);
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return (struct str){to, s.n};
}

/* A session that can still be talked in is left as RFC 5321 §4.1.1.10 wants it. */
static bool is_polite(const struct client *c, enum client_cause cause)
{
	return c->phase <= CLIENT_PHASE_AUTH && !c->handshake &&
	       (cause == CLIENT_REFUSED || cause == CLIENT_TLS_MISSING ||
		   cause == CLIENT_AUTH_MISSING);
}

/* The content went out whole, and no reply says that it was not taken. */
static bool is_gone(const struct client *c, enum client_cause cause)
{
	return c->sent_all && buf_len(c->out) == 0 && cause != CLIENT_REFUSED &&
	       cause != CLIENT_SHUTTING_DOWN;
}

/* Its content went out before the commands of the mail that went ahead of its verdict. */
static void fail_before(struct client *c, struct client_result result)
{
	result.next_host = false;
	result.maybe_taken =
	    result.cause != CLIENT_REFUSED && result.cause != CLIENT_SHUTTING_DOWN;
	client_settle_before(c, &result);
}

void client_fail(struct client *c, struct client_result result)
{
	if (c->phase == CLIENT_PHASE_OVER)
		return;
	bool polite = is_polite(c, result.cause);
	bool gone = is_gone(c, result.cause);
	result.status = keep(c->failure_status, sizeof(c->failure_status), result.status);
	/* A 5xx to what is ours to mend, as a login, fails no mail. */
	if (result.outcome == DELIVERY_DEFERRED)
		c->failure_status[0] = '4';
	result.reply = keep(c->failure_reply, sizeof(c->failure_reply), result.reply);
	result.text = keep(c->failure_text, sizeof(c->failure_text), result.text);
	c->failure = result;
	c->phase = CLIENT_PHASE_OVER;
	c->handshake = c->planning = c->sending = false;
	buf_reset(c->out);
	if (polite)
		buf_append_str(c->out, STR("QUIT\r\n"));
	if (c->before.mail != NULL)
		fail_before(c, result);
	for (size_t i = 0; c->mail != NULL && i < c->mail->recipient_count; i++) {
		struct client_result r = result;
		r.maybe_taken = gone && (c->chunk || (c->rcpt[i] & RCPT_ACCEPTED));
		client_settle(c, i, &r);
	}
	c->mail = NULL;
	outgoing_release(&c->content);
}

void client_fail_by_reply(struct client *c, enum client_cause cause, enum delivery_outcome outcome)
{
	struct client_result r = client_verdict(c);
	r.cause = cause;
	r.outcome = outcome;
	r.dsn_passed = false;
	r.next_host = c->accepted == 0 && !is_gone(c, cause);
	client_fail(c, r);
}

void client_fail_in_words(
    struct client *c, enum client_cause cause, struct str status, const char *format, ...)
{
	char text[CLIENT_TEXT_MAX];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (char *p = text; *p != '\0'; p++)
		if (!ascii_is_print(*p))
			*p = '?';
	client_fail(
	    c, (struct client_result){
		   .outcome = DELIVERY_DEFERRED,
		   .cause = cause,
		   .status = status,
		   .command = client_phase_command(c),
		   .text = str_from_cstr(text),
		   .next_host = c->accepted == 0 && !is_gone(c, cause) && cause != CLIENT_OWN_FAULT,
	       });
}

void client_fail_malformed(struct client *c)
{
	client_fail_in_words(c, CLIENT_MALFORMED, STR("4.5.0"), "the server's reply to %s %s",
	    client_phase_command(c),
	    c->reply.malformed ? "is not one (malformed)"
	    : c->early	       ? "came before the command"
			       : "makes no sense");
}
