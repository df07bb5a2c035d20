/* SPDX-License-Identifier: ISC
 *
 * EHLO and HELO (RFC 5321 §4.1.1.1), and the extensions we offer as rows.
 */
#include "smtpd/smtp-internal.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct extension {
	const char *keyword;
	/* Writes what follows the keyword, as snprintf does; NULL: nothing. */
	int (*argument)(const struct smtp_server *s, char *out, size_t size);
	bool (*is_offered)(const struct smtp_server *s); /* NULL: always */
};

static int size_argument(const struct smtp_server *s, char *out, size_t size)
{
	return snprintf(out, size, " %llu", (unsigned long long)s->policy->message_max);
}

/* RFC 9422; networks of ours may send as many messages as they like. */
static int limits_argument(const struct smtp_server *s, char *out, size_t size)
{
	unsigned rcpts = s->policy->recipients_max;
	if (s->own_network)
		return snprintf(out, size, " RCPTMAX=%u", rcpts);
	return snprintf(
	    out, size, " MAILMAX=%u RCPTMAX=%u", s->policy->messages_per_session, rcpts);
}

static bool offers_starttls(const struct smtp_server *s)
{
	return s->tls == NULL && s->tls_offer == SMTP_TLS_OFFERED;
}

static bool has_tls(const struct smtp_server *s)
{
	return s->tls != NULL;
}

static bool offers_auth(const struct smtp_server *s)
{
	return smtp_auth_mechanisms(s) != 0;
}

/* What the client may log in with. */
static int auth_argument(const struct smtp_server *s, char *out, size_t size)
{
	char names[AUTH_NAMES_SIZE];
	auth_mechanisms_list(smtp_auth_mechanisms(s), names);
	return snprintf(out, size, "%s", names);
}

/* The last one is for everybody. */
static const struct extension extensions[] = {
    {"PIPELINING", NULL, NULL},		 /* RFC 2920 */
    {"SIZE", size_argument, NULL},	 /* RFC 1870 */
    {"8BITMIME", NULL, NULL},		 /* RFC 6152 */
    {"CHUNKING", NULL, NULL},		 /* RFC 3030 */
    {"ENHANCEDSTATUSCODES", NULL, NULL}, /* RFC 2034 */
    {"SMTPUTF8", NULL, NULL},		 /* RFC 6531 */
    {"DSN", NULL, NULL},		 /* RFC 3461 */
    {"STARTTLS", NULL, offers_starttls}, /* RFC 3207 */
    {"REQUIRETLS", NULL, has_tls},	 /* RFC 8689 §2 */
    {"LIMITS", limits_argument, NULL},	 /* RFC 9422 */
    {"AUTH", auth_argument, offers_auth}, /* RFC 4954 */
    {"HELP", NULL, NULL},		 /* RFC 5321 §4.1.1.8 */
};
enum { EXTENSIONS = sizeof(extensions) / sizeof(extensions[0]) };

static void reply_extension(struct smtp_server *s, size_t i)
{
	char text[128];
	char argument[AUTH_NAMES_SIZE] = "";
	if (extensions[i].is_offered != NULL && !extensions[i].is_offered(s))
		return;
	if (extensions[i].argument != NULL)
		extensions[i].argument(s, argument, sizeof(argument));
	int n = snprintf(text, sizeof(text), "%s%s", extensions[i].keyword, argument);
	struct reply reply = {.code = 250, .text = str_from(text, (size_t)n)};
	if (i + 1 < EXTENSIONS)
		reply_line(s->out, &reply, true);
	else
		smtp_conclude_reply(s, &reply);
}

/* A domain or an address literal; "_" besides is what many machines are called, and harmless. */
static bool is_helo(struct str name)
{
	if (name.n == 0 || name.n > HELO_MAX)
		return false;
	if (address_is_domain(name, false) || address_is_literal(name))
		return true;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_is_alnum(name.p[i]) && memchr("._-:", name.p[i], 4) == NULL)
			return false;
	return true;
}

static bool take_name(struct smtp_server *s, struct str name, bool esmtp)
{
	if (!is_helo(name))
		return false;
	smtp_transaction_over(s);
	free(s->helo);
	s->helo = str_dup(name);
	s->esmtp = esmtp;
	smtp_set_state(s, SMTP_READY);
	return true;
}

enum smtp_status verb_ehlo(struct smtp_server *s, const struct argument *a)
{
	if (!take_name(s, a->text, true))
		return STATUS_BAD_HELO;
	reply_line(s->out, &(struct reply){.code = 250, .text = s->policy->hostname}, true);
	for (size_t i = 0; i < EXTENSIONS; i++)
		reply_extension(s, i);
	return STATUS_NONE;
}

enum smtp_status verb_helo(struct smtp_server *s, const struct argument *a)
{
	if (!take_name(s, a->text, false))
		return STATUS_BAD_HELO;
	smtp_conclude_reply(s, &(struct reply){.code = 250, .text = s->policy->hostname});
	return STATUS_NONE;
}
