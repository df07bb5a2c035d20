/* SPDX-License-Identifier: ISC
 *
 * From the greeting to a session that is ready: EHLO, LHLO or HELO, what the server
 * can, and STARTTLS (RFC 5321 §3.1, §4.1.1.1; RFC 2033 §4.1; RFC 3207).
 */
#include "common/netfault.h"
#include "deliver-remote/client-internal.h"

static void send_hello(struct client *c, const char *verb)
{
	buf_printf(c->out, "%s %.*s\r\n", verb, STR_ARG(c->policy->helo));
	client_await(c, CLIENT_PHASE_EHLO);
}

void client_hello(struct client *c)
{
	send_hello(c, client_is_lmtp(c) ? "LHLO" : "EHLO");
}

void client_on_verified(struct client *c)
{
	c->verified = true;
}

void client_on_tls(struct client *c)
{
	c->handshake = false;
	c->encrypted = true;
	reply_init(&c->reply);
	client_hello(c);
}

/* A 5xx is for good (RFC 5321 §3.1, RFC 7504), but another host may take the mail. */
static void refused(struct client *c)
{
	if (c->reply.code < 400)
		client_fail_malformed(c);
	else
		client_fail_by_reply(
		    c, CLIENT_REFUSED, c->reply.code >= 500 ? DELIVERY_FAILED : DELIVERY_DEFERRED);
}

/* RFC 5321 §4.2: the domain follows the code. */
static void note_greeter(struct client *c)
{
	struct str who = str_head(netfault_greeter(reply_text(&c->reply)), DOMAIN_MAX);
	if (who.n > 0)
		memcpy(c->greeter, who.p, who.n);
	c->greeter[who.n] = '\0';
}

void client_on_greeting(struct client *c)
{
	note_greeter(c);
	if (c->reply.code / 100 == 2)
		client_hello(c);
	else
		refused(c);
}

static struct str word(struct str *s)
{
	*s = str_trim(*s);
	struct str w = str_head(*s, str_find(*s, ' '));
	*s = str_trim(str_skip(*s, w.n));
	return w;
}

static void parse_auth(struct client *c, struct str mechanisms)
{
	while (mechanisms.n > 0) {
		struct str mechanism = word(&mechanisms);
		if (str_caseeq(mechanism, STR("PLAIN")))
			c->peer.extensions |= EXT_AUTH_PLAIN;
		else if (str_caseeq(mechanism, STR("LOGIN")))
			c->peer.extensions |= EXT_AUTH_LOGIN;
		else if (str_caseeq(mechanism, STR("SCRAM-SHA-256")))
			c->peer.extensions |= EXT_AUTH_SCRAM;
	}
}

static void parse_limit(struct client *c, struct str limit)
{
	const struct {
		struct str name;
		unsigned *value;
	} rows[] = {{STR("RCPTMAX"), &c->peer.rcpt_max}, {STR("MAILMAX"), &c->peer.mail_max},
	    {STR("RCPTDOMAINMAX"), &c->peer.rcpt_domain_max}};
	size_t equals = str_find(limit, '=');
	uint64_t value;
	if (!str_parse_u64(str_skip(limit, equals + 1), 999999, &value) || value == 0)
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_caseeq(str_head(limit, equals), rows[i].name))
			*rows[i].value = (unsigned)value;
}

static void parse_arguments(struct client *c, enum client_extension extension, struct str arguments)
{
	uint64_t size;
	if (extension == EXT_SIZE && str_parse_u64(arguments, UINT64_MAX, &size))
		c->peer.size_max = size;
	if (extension == EXT_AUTH)
		parse_auth(c, arguments);
	while (extension == EXT_LIMITS && arguments.n > 0)
		parse_limit(c, word(&arguments));
}

/* Also called with the lines of other replies. */
void client_on_ehlo_line(struct client *c, struct str line)
{
	static const struct {
		struct str keyword;
		enum client_extension extension;
	} rows[] = {
	    {STR("PIPELINING"), EXT_PIPELINING},	/* RFC 2920 */
	    {STR("SIZE"), EXT_SIZE},			/* RFC 1870 */
	    {STR("8BITMIME"), EXT_8BITMIME},		/* RFC 6152 */
	    {STR("SMTPUTF8"), EXT_SMTPUTF8},		/* RFC 6531 */
	    {STR("CHUNKING"), EXT_CHUNKING},		/* RFC 3030 */
	    {STR("DSN"), EXT_DSN},			/* RFC 3461 */
	    {STR("STARTTLS"), EXT_STARTTLS},		/* RFC 3207 */
	    {STR("ENHANCEDSTATUSCODES"), EXT_ENHANCED}, /* RFC 2034 */
	    {STR("AUTH"), EXT_AUTH},			/* RFC 4954 */
	    {STR("REQUIRETLS"), EXT_REQUIRETLS},	/* RFC 8689 */
	    {STR("LIMITS"), EXT_LIMITS},		/* RFC 9422 */
	};
	/* The first line is the server's name, and HELO says nothing more. */
	if (c->phase != CLIENT_PHASE_EHLO || c->helo || c->reply.code != 250 || c->reply.lines < 2)
		return;
	struct str keyword = word(&line);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_caseeq(keyword, rows[i].keyword)) {
			c->peer.extensions |= rows[i].extension;
			parse_arguments(c, rows[i].extension, line);
		}
}

static void tls_missing(struct client *c)
{
	client_fail_in_words(c, CLIENT_TLS_MISSING, STR("4.7.4"),
	    "TLS is required, but the server does not offer it");
}

void client_on_ehlo(struct client *c)
{
	bool can_helo = !client_is_lmtp(c) && !c->helo;
	if (c->reply.code / 100 == 5 && can_helo) {
		c->peer = (struct client_peer){0};
		c->helo = true;
		send_hello(c, "HELO");
	} else if (c->reply.code != 250) {
		refused(c);
	} else if (c->encrypted || c->policy->tls == CLIENT_TLS_NONE) {
		client_auth(c);
	} else if (client_has(c, EXT_STARTTLS)) {
		buf_append_str(c->out, STR("STARTTLS\r\n"));
		client_await(c, CLIENT_PHASE_STARTTLS);
	} else if (c->policy->tls == CLIENT_TLS_MUST) {
		tls_missing(c);
	} else {
		client_auth(c);
	}
}

void client_on_starttls(struct client *c)
{
	if (c->reply.code == 220) {
		/* All that is known of the server is what it says from now on. */
		c->handshake = true;
		c->peer = (struct client_peer){0};
	} else if (c->reply.code < 400) {
		client_fail_malformed(c);
	} else if (c->policy->tls == CLIENT_TLS_MUST) {
		client_fail_by_reply(c, CLIENT_TLS_MISSING, DELIVERY_DEFERRED);
	} else {
		client_auth(c);
	}
}
