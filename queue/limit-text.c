/* SPDX-License-Identifier: ISC */
#include "queue/limit-text.h"
#include "common/header.h"
#include "common/network-name.h"
#include "common/utf8.h"
#include "queue/dsn-text.h"
#include "queue/notice-header.h"

#include <stdio.h>

enum { NAME_SIZE = LOGIN_MAX + 1, TEXT_MAX = 16 * 1024, BODY_MAX = 1024 * 1024, V6 = 16 };

/* ---- what directory may say ------------------------------------------------------- */

static bool is_line(struct str s)
{
	uint32_t code;
	for (size_t n; s.n > 0; s = str_skip(s, n)) {
		n = utf8_decode(s, &code);
		if (n == 0 || utf8_is_control(code))
			return false;
	}
	return true;
}

static bool is_address(struct str octets)
{
	return octets.n == 4 || octets.n == V6;
}

bool limit_text_is_sound(const struct msg_limit_passed *m)
{
	for (size_t i = 0; i < m->clients_count; i++)
		if (!is_address(m->clients[i].address))
			return false;
	if (m->day > 1 || m->held > 1)
		return false;
	switch (m->kind) {
	case LIMIT_LOGIN:
		return m->login.n > 0 && is_line(m->login);
	case LIMIT_ADDRESS:
		return is_address(m->network);
	case LIMIT_NETWORK:
		return m->network.n == 3 || m->network.n == 8;
	default:
		return m->kind == LIMIT_OTHERS;
	}
}

/* ---- words ------------------------------------------------------------------------ */

/* As the commands take it. */
static void format_name(const struct msg_limit_passed *m, char out[NAME_SIZE])
{
	out[0] = '\0';
	if (m->kind == LIMIT_LOGIN)
		snprintf(out, NAME_SIZE, "%.*s", STR_ARG(m->login));
	else if (m->kind != LIMIT_OTHERS)
		network_name(m->network, out);
}

/* For a shell: what is not plain is quoted. */
static bool put_quoted(struct buf *b, struct str s)
{
	bool plain = true, ok;
	for (size_t i = 0; i < s.n; i++)
		plain = plain && (ascii_is_alnum(s.p[i]) || memchr("@._+:/-", s.p[i], 7) != NULL);
	if (plain && s.p[0] != '-')
		return buf_append_str(b, s);
	ok = buf_append_u8(b, '\'');
	for (size_t i = 0; i < s.n && ok; i++)
		ok = s.p[i] == '\'' ? buf_append_str(b, STR("'\\''"))
				    : buf_append_u8(b, (uint8_t)s.p[i]);
	return ok && buf_append_u8(b, '\'');
}

static const char *option_of(const struct msg_limit_passed *m)
{
	if (m->kind == LIMIT_LOGIN)
		return m->day ? "recipients-per-day" : "recipients-per-hour";
	return m->kind == LIMIT_ADDRESS ? "address-recipients-per-hour"
					: "network-recipients-per-hour";
}

static bool put_who(struct buf *b, const struct msg_limit_passed *m, const char *name)
{
	static const char *const kinds[] = {[LIMIT_LOGIN] = "The login",
	    [LIMIT_ADDRESS] = "The client address",
	    [LIMIT_NETWORK] = "The client network"};
	if (m->kind == LIMIT_OTHERS)
		return m->others == 1
			   ? buf_append_str(b, STR("1 more login, client address or network"))
			   : buf_printf(
				 b, "%u more logins, client addresses or networks", m->others);
	return buf_printf(b, "%s %s", kinds[m->kind], name);
}

static bool put_clients(struct buf *b, const struct msg_limit_passed *m)
{
	char text[NETWORK_NAME_SIZE];
	bool ok = m->clients_count > 0 || buf_append_str(b, STR("not noted"));
	for (size_t i = 0; i < m->clients_count && ok; i++) {
		network_name(m->clients[i].address, text);
		ok = buf_printf(b, "%s%s", i == 0 ? "" : ", ", text);
	}
	return ok;
}

/* ---- what to type ----------------------------------------------------------------- */

static bool put_command(struct buf *b, const char *command, const char *name)
{
	return buf_printf(b, "    postern %s", command) &&
	       (name[0] == '\0' || (buf_append_u8(b, ' ') && put_quoted(b, str_from_cstr(name)))) &&
	       buf_append_u8(b, '\n');
}

/* Of what is held: of a login by its address as the sender's, which it is unless it has others. */
static bool put_held(struct buf *b, const struct msg_limit_passed *m, const char *name)
{
	if (!m->held)
		return true;
	if (!buf_append_str(b, STR("To see what is held, and to let it go or delete it:\n")))
		return false;
	if (m->kind != LIMIT_LOGIN)
		return put_command(b, "queue list --state held", "") &&
		       put_command(b, "queue release ID ...", "") &&
		       put_command(b, "queue delete ID ...", "");
	return put_command(b, "queue list --state held --sender", name) &&
	       put_command(b, "queue release --state held --sender", name) &&
	       put_command(b, "queue delete --state held --sender", name);
}

static bool put_commands(struct buf *b, const struct msg_limit_passed *m, const char *name)
{
	bool ok = buf_append_str(b, STR("To see who sends how much:\n")) &&
		  put_command(b, "usage status", "") && put_held(b, m, name);
	if (m->kind == LIMIT_OTHERS)
		return ok;
	ok = ok && buf_append_str(b, STR("To count from zero again:\n")) &&
	     put_command(b, "usage release", name) &&
	     buf_printf(b,
		 "To change the limit: option %s in section submission of postern.conf, then\n",
		 option_of(m)) &&
	     put_command(b, "reload", "");
	if (m->kind == LIMIT_LOGIN)
		ok = ok && buf_append_str(b, STR("If somebody else has the password:\n")) &&
		     put_command(b, "user passwd", name);
	return ok;
}

/* ---- the whole -------------------------------------------------------------------- */

static struct str done(const struct msg_limit_passed *m)
{
	return m->held ? STR("Mail above a limit is accepted, and held in the queue.")
		       : STR("Mail above a limit is refused for now (450).");
}

struct words {
	struct buf who, clients, commands;
	char since[HEADER_DATE_SIZE], when[HEADER_DATE_SIZE], limit[160], count[24];
};

static bool put_words(struct words *w, const struct msg_limit_passed *m)
{
	char name[NAME_SIZE];
	format_name(m, name);
	header_date(m->since, w->since);
	header_date(m->when, w->when);
	snprintf(w->limit, sizeof(w->limit), "%u recipient%s in %s (option %s)", m->limit,
	    str_plural(m->limit), m->day ? "a day" : "an hour", option_of(m));
	snprintf(w->count, sizeof(w->count), "%llu", (unsigned long long)m->recipients);
	return put_who(&w->who, m, name) && put_clients(&w->clients, m) &&
	       put_commands(&w->commands, m, name);
}

static const struct template *template_of(const struct limit_text *t)
{
	return t->templates->list[t->m->kind == LIMIT_OTHERS ? TEXT_LIMITS : TEXT_LIMIT];
}

static bool put_body(const struct limit_text *t, struct words *w, struct buf *out)
{
	const struct template *text = template_of(t);
	const struct str words[TEMPLATE_WORD_COUNT] = {[TEMPLATE_HOSTNAME] = t->hostname,
	    [TEMPLATE_POSTMASTER] = t->to,
	    [TEMPLATE_WHO] = buf_str(&w->who),
	    [TEMPLATE_LIMIT] = str_from_cstr(w->limit),
	    [TEMPLATE_COUNT] = str_from_cstr(w->count),
	    [TEMPLATE_SINCE] = str_from_cstr(w->since),
	    [TEMPLATE_WHEN] = str_from_cstr(w->when),
	    [TEMPLATE_CLIENTS] = buf_str(&w->clients),
	    [TEMPLATE_DONE] = done(t->m),
	    [TEMPLATE_COMMANDS] = buf_str(&w->commands)};
	struct buf expanded = BUF_INIT(BODY_MAX);
	bool ok =
	    template_expand(text, words, &expanded) && dsn_text_paragraphs(out, buf_str(&expanded));
	buf_release(&expanded);
	return ok;
}

static bool put(
    const struct limit_text *t, struct words *w, struct buf *body, struct buf *out, uint16_t *flags)
{
	const struct template *text = template_of(t);
	bool utf8 = !utf8_is_ascii(t->to);
	const struct notice_header h = {.hostname = t->hostname,
	    .to = t->to,
	    .subject = template_subject(text),
	    .id = t->id,
	    .now = t->now,
	    .utf8 = utf8};
	if (!put_words(w, t->m) || !put_body(t, w, body))
		return false;
	bool ascii = utf8_is_ascii(buf_str(body)) && !utf8;
	*flags = (uint16_t)((ascii ? 0 : ENVELOPE_8BITMIME) | (utf8 ? ENVELOPE_SMTPUTF8 : 0));
	return notice_header_put(out, &h) &&
	       buf_printf(out,
		   "Auto-Submitted: auto-generated\r\n"
		   "MIME-Version: 1.0\r\n"
		   "Content-Type: text/plain; charset=%s\r\n"
		   "Content-Transfer-Encoding: %s\r\n"
		   "\r\n",
		   ascii ? "us-ascii" : "utf-8", ascii ? "7bit" : "8bit") &&
	       buf_append_str(out, buf_str(body));
}

bool limit_text_put(const struct limit_text *t, struct buf *out, uint16_t *flags)
{
	struct buf body = BUF_INIT(BODY_MAX);
	struct words w = {.who = BUF_INIT(TEXT_MAX),
	    .clients = BUF_INIT(TEXT_MAX),
	    .commands = BUF_INIT(TEXT_MAX)};
	*flags = 0;
	bool ok = put(t, &w, &body, out, flags);
	buf_release(&w.who);
	buf_release(&w.clients);
	buf_release(&w.commands);
	buf_release(&body);
	return ok;
}
