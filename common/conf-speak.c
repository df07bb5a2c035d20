/* SPDX-License-Identifier: ISC
 *
 * What a listener speaks: its protocol, TLS and logins, by its name where it does not
 * say it itself.
 */
#include "common/conf-speak.h"
#include "common/limits.h"

struct custom {
	const char *name;
	const char *address; /* an example */
	enum conf_protocol protocol;
	enum conf_tls tls;
	enum conf_auth auth;
	bool needs_tls; /* without a certificate there is none of it */
};

/* RFC 6409 §3.1, RFC 8314 §3. The first of each protocol is the one for other names. */
static const struct custom customs[] = {
    {"smtp", "*:25", CONF_SMTP, CONF_TLS_STARTTLS, CONF_AUTH_NO, false},
    {"submission", "*:587", CONF_SUBMISSION, CONF_TLS_STARTTLS, CONF_AUTH_REQUIRED, true},
    {"submissions", "*:465", CONF_SUBMISSION, CONF_TLS_IMPLICIT, CONF_AUTH_REQUIRED, true},
    {"pop3", "*:110", CONF_POP3, CONF_TLS_STARTTLS, CONF_AUTH_NO, false},
    {"pop3s", "*:995", CONF_POP3, CONF_TLS_IMPLICIT, CONF_AUTH_NO, true},
};

struct speaker {
	const struct conf_speech *speech;
	const struct conf_scan *scan;
	unsigned line; /* the section's */
	struct conf_faults *faults;
};

static const struct custom *find_custom(struct str name)
{
	for (size_t i = 0; i < sizeof(customs) / sizeof(customs[0]); i++)
		if (str_eq(str_from_cstr(customs[i].name), name))
			return &customs[i];
	return NULL;
}

/* "submissions" is a name, but no protocol. */
static const struct custom *find_protocol(const char *word)
{
	const struct custom *c = find_custom(str_from_cstr(word));
	return c != NULL && c->tls == CONF_TLS_IMPLICIT ? NULL : c;
}

static unsigned line_of(const struct speaker *s, const char *option)
{
	unsigned line = conf_line(s->scan, CONF_IN_listen, option, s->speech->title);
	return line == 0 ? s->line : line;
}

static const struct custom *custom_of(const struct speaker *s)
{
	const char *word = s->speech->protocol;
	const struct custom *named = find_custom(s->speech->title);
	const struct custom *said = word == NULL ? named : find_protocol(word);
	if (said == NULL)
		conf_fault(s->faults, line_of(s, "protocol"),
		    "listen %.*s: say which protocol it is: protocol = smtp, protocol = submission "
		    "or protocol = pop3",
		    STR_ARG(s->speech->title));
	return said != NULL && named != NULL && named->protocol == said->protocol ? named : said;
}

/* The place of `value` among the option's words, or `standard`. */
static unsigned read_word(
    const struct speaker *s, const char *name, const char *value, unsigned standard)
{
	const struct conf_option *option = conf_find_option(CONF_IN_listen, str_from_cstr(name));
	int word = value == NULL ? (int)standard : conf_find_word(option, value);
	if (word < 0)
		conf_fault_word(s->faults, line_of(s, name), option, value);
	return word < 0 ? standard : (unsigned)word;
}

static enum conf_tls read_tls(const struct speaker *s, const struct custom *custom)
{
	const char *said = s->speech->tls;
	enum conf_tls tls = (enum conf_tls)read_word(s, "tls", said, custom->tls);
	if (tls == CONF_TLS_NO || s->speech->has_certificate)
		return tls;
	if (said != NULL || custom->needs_tls)
		conf_fault(s->faults, line_of(s, "tls"),
		    "listen %.*s: TLS needs a certificate; write certificate \"mx.example.org\" "
		    "{ chain = \"mx.pem\"  key = \"mx.key\" }, or tls = no; postern.conf(5), "
		    "CERTIFICATES, has a command that makes a first one",
		    STR_ARG(s->speech->title));
	return CONF_TLS_NO;
}

bool conf_read_speech(const struct conf_speech *speech, const struct conf_scan *scan, unsigned line,
    struct conf_listener *out, const char **example, struct conf_faults *faults)
{
	const struct speaker s = {speech, scan, line, faults};
	const struct custom *custom = custom_of(&s);
	if (custom == NULL)
		return false;
	*example = custom->address;
	out->protocol = custom->protocol;
	out->tls = read_tls(&s, custom);
	out->auth = (enum conf_auth)read_word(&s, "auth", speech->auth, custom->auth);
	out->ask_certificate =
	    read_word(&s, "client-certificates", speech->client_certificates, 0) == 1;
	if (out->protocol == CONF_POP3 && speech->auth != NULL)
		conf_fault(faults, line_of(&s, "auth"),
		    "listen %.*s: everybody logs in to POP3; remove auth", STR_ARG(speech->title));
	if (out->ask_certificate && out->tls == CONF_TLS_NO)
		conf_fault(faults, line_of(&s, "client-certificates"),
		    "listen %.*s: without TLS no client can show a certificate; remove "
		    "client-certificates",
		    STR_ARG(speech->title));
	return true;
}
