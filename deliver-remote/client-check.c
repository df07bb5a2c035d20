/* SPDX-License-Identifier: ISC
 *
 * What can be said of a mail before the server is asked: that this server cannot take
 * it (RFC 1870 §6.1, RFC 6531 §3.2, RFC 6152 §3), that a recipient must wait for a
 * further transaction (RFC 9422), and in which form the content goes.
 */
#include "common/address.h"
#include "common/utf8.h"
#include "deliver-remote/client-internal.h"

enum { HEADER_LOOKED_AT = 1024 * 1024 };

static struct client_result unsendable(struct str status, struct str text)
{
	return (struct client_result){
	    .outcome = DELIVERY_FAILED,
	    .cause = CLIENT_UNSENDABLE,
	    .status = status,
	    .command = "MAIL FROM",
	    .text = text,
	};
}

static struct client_result unreadable(void)
{
	return (struct client_result){
	    .outcome = DELIVERY_DEFERRED,
	    .cause = CLIENT_OWN_FAULT,
	    .status = STR("4.3.0"),
	    .command = "MAIL FROM",
	    .text = STR("the mail's content cannot be read"),
	};
}

static void settle_all(struct client *c, struct client_result result)
{
	for (size_t i = 0; i < c->mail->recipient_count; i++)
		client_settle(c, i, &result);
}

static struct str domain_of(struct str address)
{
	return str_skip(address, str_rfind(address, '@') + 1);
}

static bool needs_utf8(struct str address)
{
	return !utf8_is_ascii(str_head(address, str_rfind(address, '@')));
}

static bool check_sender(struct client *c)
{
	struct str from = c->mail->reverse_path;
	if (from.n > 0 && !client_can_write(from))
		settle_all(c, unsendable(STR("5.1.7"), STR("the sender's address is none")));
	else if (c->peer.size_max > 0 && c->mail->size > c->peer.size_max)
		settle_all(
		    c, unsendable(STR("5.3.4"), STR("the mail is larger than the server takes")));
	return c->pending > 0;
}

static bool check_header_utf8(struct client *c)
{
	bool eight_bit;
	if (needs_utf8(c->mail->reverse_path)) {
		settle_all(
		    c, unsendable(STR("5.6.7"),
			   STR("the sender's address needs SMTPUTF8, which the server does not "
			       "have")));
	} else if (c->mail->flags & ENVELOPE_SMTPUTF8) {
		if (!outgoing_scan_header(&c->content, HEADER_LOOKED_AT, &eight_bit))
			settle_all(c, unreadable());
		else if (eight_bit)
			settle_all(
			    c, unsendable(STR("5.6.7"),
				   STR("the mail's header needs SMTPUTF8, which the server does "
				       "not have")));
	}
	return c->pending > 0;
}

static bool any_utf8_address(const struct client_mail *m)
{
	bool any = !utf8_is_ascii(m->reverse_path);
	for (size_t i = 0; i < m->recipient_count && !any; i++)
		any = !utf8_is_ascii(m->recipients[i].address);
	return any;
}

/* RFC 8689 §4.2.1: to who is known, and promises the same, or to nobody. LMTP is where mail ends: a
 * store that the operator names. */
static bool check_requiretls(struct client *c)
{
	struct client_result r = unsendable(STR("5.7.30"),
	    STR("the sender wants TLS all the way, which the server does not promise"));
	bool promises = client_has(c, EXT_REQUIRETLS);
	if (!(c->mail->flags & ENVELOPE_REQUIRETLS) || client_is_lmtp(c) ||
	    (c->verified && promises))
		return true;
	if (promises) {
		r.status = STR("5.7.10");
		r.text =
		    STR("the sender wants TLS with a server that is known, which this one is not");
	}
	r.next_host = true;
	settle_all(c, r);
	return false;
}

static bool check_utf8(struct client *c)
{
	bool wanted = (c->mail->flags & ENVELOPE_SMTPUTF8) || any_utf8_address(c->mail);
	if (!wanted)
		return true;
	c->utf8 = client_has(c, EXT_SMTPUTF8) && client_has(c, EXT_8BITMIME);
	return c->utf8 || check_header_utf8(c);
}

static void check_recipient(struct client *c, size_t i)
{
	struct str address = c->mail->recipients[i].address;
	struct client_result r = unsendable(STR("5.1.3"), STR("the address is none"));
	if (client_can_write(address)) {
		if (c->utf8 || !needs_utf8(address)) {
			c->rcpt[i] = RCPT_CHOSEN;
			return;
		}
		r = unsendable(STR("5.6.7"),
		    STR("the address needs SMTPUTF8, which the server does not have"));
	}
	r.command = "RCPT TO";
	client_settle(c, i, &r);
}

/* The domain of recipient i is that of one chosen before it. */
static bool is_known_domain(const struct client *c, size_t i)
{
	struct str domain = domain_of(c->mail->recipients[i].address);
	for (size_t k = 0; k < i; k++)
		if ((c->rcpt[k] & RCPT_CHOSEN) &&
		    str_caseeq(domain, domain_of(c->mail->recipients[k].address)))
			return true;
	return false;
}

/* RFC 9422: those who do not fit come in a further transaction. */
static void apply_limits(struct client *c)
{
	const struct client_result later = {
	    .outcome = DELIVERY_DEFERRED,
	    .cause = CLIENT_OVER_LIMIT,
	    .status = STR("4.5.3"),
	    .command = "RCPT TO",
	    .text = STR("more recipients than the server takes at once"),
	    .again = true,
	};
	unsigned chosen = 0, domains = 0;
	if (c->peer.rcpt_max == 0 && c->peer.rcpt_domain_max == 0)
		return;
	for (size_t i = 0; i < c->mail->recipient_count; i++) {
		if (!(c->rcpt[i] & RCPT_CHOSEN))
			continue;
		bool new_domain = !is_known_domain(c, i);
		if ((c->peer.rcpt_max > 0 && chosen == c->peer.rcpt_max) ||
		    (c->peer.rcpt_domain_max > 0 && new_domain &&
			domains == c->peer.rcpt_domain_max)) {
			c->rcpt[i] = 0;
			client_settle(c, i, &later);
			continue;
		}
		chosen++;
		domains += new_domain;
	}
}

/* Small content is looked at. Of a large one that was not declared we say that it may have 8 bits,
 * which RFC 6152 allows: reading it twice costs more than that says too much. BDAT is for what is
 * made of canonical lines (RFC 3030 §3). */
static bool choose_form(struct client *c)
{
	struct outgoing_facts facts = {.eight_bit = true, .bare = true};
	if (c->mail->size <= INLINE_CONTENT_MAX && !outgoing_scan(&c->content, &facts)) {
		settle_all(c, unreadable());
		return false;
	}
	c->eight_bit =
	    facts.eight_bit || (c->mail->flags & (ENVELOPE_8BITMIME | ENVELOPE_SMTPUTF8)) != 0;
	c->planning = facts.eight_bit && !client_has(c, EXT_8BITMIME);
	c->chunk = c->policy->eager_content && !facts.bare && !c->planning && !client_is_lmtp(c) &&
		   client_has(c, EXT_CHUNKING) && client_has(c, EXT_PIPELINING);
	return true;
}

bool client_check(struct client *c)
{
	if (!check_sender(c) || !check_requiretls(c) || !check_utf8(c))
		return false;
	for (size_t i = 0; i < c->mail->recipient_count; i++)
		check_recipient(c, i);
	apply_limits(c);
	return c->pending > 0 && choose_form(c);
}

bool client_check_plan(struct client *c, enum outgoing_state state)
{
	if (state == OUTGOING_UNREADABLE)
		settle_all(c, unreadable());
	else if (state == OUTGOING_UNCONVERTED)
		settle_all(c, unsendable(STR("5.6.3"),
				  STR("the mail has 8-bit octets that cannot be converted, and the "
				      "server does not have 8BITMIME")));
	return c->pending > 0;
}
