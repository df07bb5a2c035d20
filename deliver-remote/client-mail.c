/* SPDX-License-Identifier: ISC
 *
 * One mail transaction (RFC 5321 §3.3): with PIPELINING (RFC 2920) all commands at
 * once, with CHUNKING the content too, else one at a time. Replies are handled the
 * same way in all cases: `advance` says what comes next.
 */
#include "deliver-remote/client-internal.h"

static void finish(struct client *c)
{
	c->mail = NULL;
	c->sent_all = false;
	c->phase = CLIENT_PHASE_IDLE;
	outgoing_release(&c->content);
}

static void put_next_rcpt(struct client *c)
{
	client_put_rcpt(c, &c->mail->recipients[c->rcpt_sent++]);
	c->outstanding++;
}

/* Whether there is one who is to be asked for. */
static bool find_next_rcpt(struct client *c)
{
	while (c->rcpt_sent < c->mail->recipient_count && !(c->rcpt[c->rcpt_sent] & RCPT_CHOSEN))
		c->rcpt_sent++;
	return c->rcpt_sent < c->mail->recipient_count;
}

static void put_data(struct client *c)
{
	buf_append_str(c->out, STR("DATA\r\n"));
	c->data_sent = true;
	c->outstanding++;
}

static void put_chunk(struct client *c)
{
	buf_printf(c->out, "BDAT %llu LAST\r\n", (unsigned long long)c->mail->size);
	c->data_sent = c->sent_all = true;
	c->outstanding++;
	if (!outgoing_whole(&c->content, c->out))
		client_fail_in_words(
		    c, CLIENT_OWN_FAULT, STR("4.3.0"), "the mail's content cannot be read");
}

static void put_mail(struct client *c)
{
	c->mails++;
	client_put_mail(c);
	c->outstanding++;
	if (!client_has(c, EXT_PIPELINING))
		return;
	while (find_next_rcpt(c))
		put_next_rcpt(c);
	if (c->chunk)
		put_chunk(c);
	else
		put_data(c);
}

void client_begin(struct client *c)
{
	bool reset = c->must_reset;
	c->must_reset = false;
	c->rcpt_sent = c->rcpt_next = 0;
	c->phase = reset ? CLIENT_PHASE_RESET : CLIENT_PHASE_MAIL;
	if (reset) {
		buf_append_str(c->out, STR("RSET\r\n"));
		c->outstanding++;
	}
	if (!reset || client_has(c, EXT_PIPELINING))
		put_mail(c);
}

/* RFC 5321 §4.1.1.4: whatever becomes of a content, its transaction is over then. */
void client_begin_ahead(struct client *c)
{
	c->must_reset = c->chunk = false;
	c->rcpt_sent = c->rcpt_next = 0;
	put_mail(c);
}

void client_on_rset(struct client *c)
{
	if (c->reply.code / 100 == 3) {
		client_fail_malformed(c);
	} else if (c->reply.code / 100 != 2) {
		client_fail_by_reply(c, CLIENT_REFUSED, DELIVERY_DEFERRED);
	} else {
		c->phase = CLIENT_PHASE_MAIL;
		if (!client_has(c, EXT_PIPELINING))
			put_mail(c);
	}
}

/* To the reply that comes next, or to the next command. */
static void advance(struct client *c)
{
	while (c->rcpt_next < c->rcpt_sent && !(c->rcpt[c->rcpt_next] & RCPT_CHOSEN))
		c->rcpt_next++;
	if (c->rcpt_next < c->rcpt_sent) {
		c->phase = CLIENT_PHASE_RCPT;
	} else if (c->data_sent) {
		c->phase = c->chunk ? CLIENT_PHASE_END : CLIENT_PHASE_DATA;
	} else if (c->pending > 0 && find_next_rcpt(c)) {
		put_next_rcpt(c);
		c->phase = CLIENT_PHASE_RCPT;
	} else if (c->accepted > 0) {
		put_data(c);
		c->phase = CLIENT_PHASE_DATA;
	} else {
		finish(c);
	}
}

/* All who have no result yet. */
static void settle_rest(struct client *c)
{
	struct client_result r = client_verdict(c);
	for (size_t i = 0; i < c->mail->recipient_count; i++)
		client_settle(c, i, &r);
}

/* A server that is still in the transaction whose content it refused says so to every mail. */
static bool is_out_of_step(struct client *c)
{
	bool after_refusal = c->after_refusal;
	c->after_refusal = false;
	return after_refusal && c->reply.code == 503;
}

void client_on_mail(struct client *c)
{
	unsigned class = c->reply.code / 100;
	if (is_out_of_step(c)) {
		client_fail_by_reply(c, CLIENT_REFUSED, DELIVERY_DEFERRED);
		return;
	}
	if (class == 3) {
		client_fail_malformed(c);
		return;
	}
	if (class != 2) {
		settle_rest(c);
		c->must_reset = true;
	}
	advance(c);
}

void client_on_rcpt(struct client *c)
{
	unsigned class = c->reply.code / 100;
	size_t i = c->rcpt_next;
	if (class == 3) {
		client_fail_malformed(c);
		return;
	}
	if (class != 2) {
		struct client_result r = client_verdict(c);
		client_settle(c, i, &r);
		c->must_reset = true;
	} else if (!(c->rcpt[i] & RCPT_SETTLED)) {
		c->rcpt[i] |= RCPT_ACCEPTED;
		c->accepted++;
	}
	c->rcpt_next++;
	advance(c);
}

/* DATA may be accepted although every recipient was refused: then the content is empty (RFC 2920
 * §3.1). By LMTP nobody knows how many replies follow that. */
static void on_go_ahead(struct client *c)
{
	if (c->accepted > 0) {
		c->phase = CLIENT_PHASE_CONTENT;
		c->sending = true;
		c->must_reset = false;
	} else if (client_is_lmtp(c)) {
		client_fail_malformed(c);
	} else {
		buf_append_str(c->out, STR(".\r\n"));
		client_await(c, CLIENT_PHASE_END);
	}
}

void client_on_data(struct client *c)
{
	if (c->reply.code == 354) {
		on_go_ahead(c);
	} else if (c->reply.code < 400) {
		client_fail_malformed(c);
	} else {
		settle_rest(c);
		c->must_reset = true;
		finish(c);
	}
}

/* RFC 2033 §4.2: a reply for each that was accepted, in order. */
static void on_lmtp_end(struct client *c)
{
	struct client_result r = client_verdict(c);
	size_t i = 0;
	while (!(c->rcpt[i] & RCPT_ACCEPTED))
		i++;
	client_settle(c, i, &r);
	if (c->accepted == 0)
		finish(c);
}

static void on_end_before(struct client *c)
{
	struct client_result r = client_verdict(c);
	c->after_refusal = r.outcome != DELIVERY_TAKEN;
	client_settle_before(c, &r);
	if (c->mail != NULL)
		c->phase = CLIENT_PHASE_MAIL;
	else
		client_fail(c, (struct client_result){.cause = CLIENT_NO_FAILURE, .command = "MAIL FROM"});
}

void client_on_end(struct client *c)
{
	unsigned class = c->reply.code / 100;
	if (class == 3) {
		client_fail_malformed(c);
		return;
	}
	if (c->before.mail != NULL) {
		on_end_before(c);
	} else if (client_is_lmtp(c)) {
		c->must_reset |= class != 2;
		on_lmtp_end(c);
	} else {
		c->must_reset = class != 2;
		settle_rest(c);
		finish(c);
	}
}

void client_on_early_refusal(struct client *c)
{
	struct client_result r = client_verdict(c);
	r.next_host = false;
	client_fail(c, r);
}
