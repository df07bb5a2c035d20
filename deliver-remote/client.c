/* SPDX-License-Identifier: ISC
 *
 * One session: which reply is waited for, and what may come when none is.
 *
 * Invariant: a reply is believed only for a command that was in `out` before its first
 * octet came. What comes earlier ends the session, so that nothing a server says
 * (or somebody else in its place, before TLS) is ever taken for the answer to what was
 * not yet asked.
 */
#include "deliver-remote/client-internal.h"

void client_init(struct client *c, const struct client_policy *policy, const struct client_ops *ops,
    void *ctx, struct buf *out)
{
	memset(c, 0, sizeof(*c));
	c->policy = policy;
	c->ops = ops;
	c->ctx = ctx;
	c->out = out;
	c->encrypted = policy->implicit_tls;
	scram_client_init(&c->scram);
	reply_init(&c->reply);
	client_await(c, CLIENT_PHASE_GREETING);
}

void client_free(struct client *c)
{
	outgoing_release(&c->content);
	scram_client_reset(&c->scram);
}

void client_await(struct client *c, enum client_phase phase)
{
	c->phase = phase;
	c->outstanding++;
}

static void on_quit(struct client *c)
{
	client_fail(c, (struct client_result){.cause = CLIENT_NO_FAILURE, .command = "QUIT"});
}

static void dispatch(struct client *c)
{
	static void (*const handlers[])(struct client *) = {
	    [CLIENT_PHASE_GREETING] = client_on_greeting,
	    [CLIENT_PHASE_EHLO] = client_on_ehlo,
	    [CLIENT_PHASE_STARTTLS] = client_on_starttls,
	    [CLIENT_PHASE_AUTH] = client_on_auth,
	    [CLIENT_PHASE_IDLE] = client_fail_malformed,
	    [CLIENT_PHASE_RESET] = client_on_rset,
	    [CLIENT_PHASE_MAIL] = client_on_mail,
	    [CLIENT_PHASE_RCPT] = client_on_rcpt,
	    [CLIENT_PHASE_DATA] = client_on_data,
	    [CLIENT_PHASE_CONTENT] = client_fail_malformed,
	    [CLIENT_PHASE_END] = client_on_end,
	    [CLIENT_PHASE_QUIT] = on_quit,
	};
	handlers[c->phase](c);
}

static void on_early_reply(struct client *c)
{
	bool in_content = c->phase == CLIENT_PHASE_CONTENT || c->phase == CLIENT_PHASE_END;
	if (in_content && c->accepted > 0 && c->reply.code >= 400)
		client_on_early_refusal(c);
	else
		client_fail_malformed(c);
}

/* A whole reply is there; `more` octets came with it. */
static void on_reply(struct client *c, bool more)
{
	if (c->phase == CLIENT_PHASE_QUIT) {
		on_quit(c);
	} else if (c->reply.code == 421) {
		client_fail_by_reply(c, CLIENT_SHUTTING_DOWN, DELIVERY_DEFERRED);
	} else if (c->early) {
		on_early_reply(c);
	} else {
		c->outstanding--;
		/* The handler may send the next command, to which they cannot be the reply. */
		if (c->outstanding == 0 && more)
			c->early = true;
		dispatch(c);
	}
}

void client_feed(struct client *c, struct str in)
{
	while (in.n > 0 && c->phase != CLIENT_PHASE_OVER) {
		if (c->handshake) {
			client_fail_in_words(c, CLIENT_INJECTED, STR("4.7.0"),
			    "the server, or somebody on the way, sent more in clear behind its "
			    "reply to STARTTLS");
			return;
		}
		if (c->outstanding == 0)
			c->early = true;
		switch (reply_feed(&c->reply, &in)) {
		case REPLY_MORE:
			break;
		case REPLY_LINE:
			client_on_ehlo_line(c, reply_line(&c->reply));
			break;
		case REPLY_DONE:
			client_on_ehlo_line(c, reply_line(&c->reply));
			on_reply(c, in.n > 0);
			break;
		case REPLY_MALFORMED:
			client_fail_malformed(c);
			break;
		}
	}
}

static void take_mail(struct client *c, const struct client_mail *mail)
{
	c->mail = mail;
	c->pending = mail->recipient_count;
	c->accepted = 0;
	c->data_sent = c->chunk = c->utf8 = c->eight_bit = false;
	c->planning = c->sending = c->sent_all = false;
	memset(c->rcpt, 0, sizeof(c->rcpt));
	outgoing_init(&c->content, c->ops->read, c->ctx, mail->size);
}

void client_send(struct client *c, const struct client_mail *mail)
{
	take_mail(c, mail);
	if (!client_check(c))
		c->mail = NULL;
	else if (c->planning)
		c->phase = CLIENT_PHASE_MAIL;
	else
		client_begin(c);
}

/* What has no 8BITMIME may need a look through the whole content first. */
bool client_may_send_ahead(const struct client *c)
{
	return c->phase == CLIENT_PHASE_END && c->before.mail == NULL && c->sent_all &&
	       buf_len(c->out) == 0 && !client_is_lmtp(c) && client_has(c, EXT_PIPELINING) &&
	       client_has(c, EXT_8BITMIME) &&
	       (c->peer.mail_max == 0 || c->mails < c->peer.mail_max);
}

static void keep_before(struct client *c)
{
	c->before.mail = c->mail;
	c->before.accepted = c->accepted;
	c->before.chunk = c->chunk;
	memcpy(c->before.rcpt, c->rcpt, sizeof(c->rcpt));
	outgoing_release(&c->content);
}

static void restore_before(struct client *c)
{
	outgoing_release(&c->content);
	c->mail = c->before.mail;
	c->pending = c->accepted = c->before.accepted;
	c->chunk = c->before.chunk;
	memcpy(c->rcpt, c->before.rcpt, sizeof(c->rcpt));
	c->data_sent = c->sent_all = true;
	c->before.mail = NULL;
}

bool client_send_ahead(struct client *c, const struct client_mail *mail)
{
	keep_before(c);
	take_mail(c, mail);
	if (!client_check(c)) {
		restore_before(c);
		return false;
	}
	client_begin_ahead(c);
	return true;
}

bool client_is_ahead(const struct client *c)
{
	return c->before.mail != NULL && c->mail != NULL;
}

void client_withdraw(struct client *c)
{
	c->mail = NULL;
	outgoing_release(&c->content);
}

static void plan(struct client *c)
{
	enum outgoing_state state = outgoing_plan(&c->content, CLIENT_PIECE);
	if (state == OUTGOING_MORE)
		return;
	c->planning = false;
	c->phase = CLIENT_PHASE_IDLE;
	if (client_check_plan(c, state)) {
		client_begin(c);
	} else {
		c->mail = NULL;
		outgoing_release(&c->content);
	}
}

void client_pull(struct client *c)
{
	if (c->planning) {
		plan(c);
		return;
	}
	if (buf_len(c->out) > CLIENT_OUT_LOW)
		return;
	enum outgoing_state state = outgoing_piece(&c->content, c->out, CLIENT_PIECE);
	if (state == OUTGOING_UNREADABLE) {
		client_fail_in_words(
		    c, CLIENT_OWN_FAULT, STR("4.3.0"), "the mail's content cannot be read");
	} else if (state == OUTGOING_END) {
		c->sending = false;
		c->sent_all = true;
		c->phase = CLIENT_PHASE_END;
		c->outstanding = client_is_lmtp(c) ? (unsigned)c->accepted : 1;
	}
}

void client_quit(struct client *c)
{
	buf_append_str(c->out, STR("QUIT\r\n"));
	client_await(c, CLIENT_PHASE_QUIT);
}

void client_on_closed(struct client *c, struct str why)
{
	if (c->phase == CLIENT_PHASE_QUIT)
		on_quit(c);
	else
		client_fail_in_words(c, CLIENT_LOST, STR("4.4.2"),
		    "lost the connection %s %s%s%.*s", c->sending ? "during" : "after",
		    client_phase_command(c), why.n > 0 ? ": " : "", STR_ARG(why));
}

void client_on_timeout(struct client *c)
{
	if (c->phase == CLIENT_PHASE_QUIT)
		on_quit(c);
	else
		client_fail_in_words(c, CLIENT_TIMED_OUT, STR("4.4.2"), "timed out %s %s",
		    c->sending ? "during" : "after", client_phase_command(c));
}

void client_on_own_fault(struct client *c, struct str status, struct str text)
{
	client_fail_in_words(c, CLIENT_OWN_FAULT, status, "%.*s", STR_ARG(text));
}

enum client_need client_need(const struct client *c)
{
	if (c->phase == CLIENT_PHASE_OVER)
		return CLIENT_OVER;
	if (c->handshake)
		return CLIENT_TLS;
	if (c->planning || c->sending)
		return CLIENT_PULL;
	return c->phase == CLIENT_PHASE_IDLE ? CLIENT_READY : CLIENT_REPLY;
}

const char *client_phase_command(const struct client *c)
{
	static const char *const names[] = {
	    [CLIENT_PHASE_GREETING] = "connect",
	    [CLIENT_PHASE_EHLO] = "EHLO",
	    [CLIENT_PHASE_STARTTLS] = "STARTTLS",
	    [CLIENT_PHASE_AUTH] = "AUTH",
	    [CLIENT_PHASE_IDLE] = "the last mail",
	    [CLIENT_PHASE_RESET] = "RSET",
	    [CLIENT_PHASE_MAIL] = "MAIL FROM",
	    [CLIENT_PHASE_RCPT] = "RCPT TO",
	    [CLIENT_PHASE_DATA] = "DATA",
	    [CLIENT_PHASE_CONTENT] = "content",
	    [CLIENT_PHASE_END] = "end of DATA",
	    [CLIENT_PHASE_QUIT] = "QUIT",
	    [CLIENT_PHASE_OVER] = "the end",
	};
	if (c->phase == CLIENT_PHASE_EHLO)
		return c->helo ? "HELO" : client_is_lmtp(c) ? "LHLO" : "EHLO";
	bool chunk = c->before.mail != NULL ? c->before.chunk : c->chunk;
	return c->phase == CLIENT_PHASE_END && chunk ? "BDAT" : names[c->phase];
}

const struct client_result *client_failure(const struct client *c)
{
	return &c->failure;
}

bool client_may_send(const struct client *c)
{
	return c->phase == CLIENT_PHASE_IDLE &&
	       (c->peer.mail_max == 0 || c->mails < c->peer.mail_max);
}
