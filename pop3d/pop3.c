/* SPDX-License-Identifier: ISC */
#include "pop3d/pop3.h"
#include "common/auth.h"

#include <stdarg.h>
#include <stdio.h>

#define CAPABILITY(text, states, condition)
#define VERB(id, keyword, states, argument) [POP3_##id] = {STR(keyword), states, argument},
static const struct {
	struct str keyword;
	unsigned states;
	enum pop3_argument argument;
} verbs[] = {
#include "pop3d/pop3-verbs.def"
};
#undef VERB
#undef CAPABILITY

#define VERB(id, keyword, states, argument)
#define CAPABILITY(text, states, condition) {text, states, condition},
static const struct {
	const char *text;
	unsigned states;
	enum pop3_condition condition;
} capabilities[] = {
#include "pop3d/pop3-verbs.def"
};
#undef VERB
#undef CAPABILITY

static const struct str http_methods[] = {STR("GET"), STR("HEAD"), STR("POST"), STR("PUT"),
    STR("DELETE"), STR("CONNECT"), STR("OPTIONS"), STR("TRACE"), STR("PATCH"), STR("PRI")};

static const char *const refusals[POP3_FAULTS] = {
    [POP3_UNKNOWN] = "unknown command",
    [POP3_NOT_BEFORE_LOGIN] = "log in first",
    [POP3_NOT_AFTER_LOGIN] = "you are logged in already",
    [POP3_BAD_ARGUMENT] = "wrong arguments for this command",
};

enum pop3_line pop3_take_line(struct buf *in, struct str *line)
{
	struct str all = str_head(buf_str(in), POP3_LINE_MAX);
	size_t lf = str_find(all, '\n');
	if (lf == all.n)
		return all.n == POP3_LINE_MAX ? POP3_LINE_TOO_LONG : POP3_LINE_INCOMPLETE;
	*line = str_head(all, lf);
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	buf_consume(in, lf + 1);
	return POP3_LINE;
}

/* The next word, blanks around it taken off *rest. */
static struct str take_word(struct str *rest)
{
	*rest = str_trim(*rest);
	size_t n = str_find(*rest, ' ');
	struct str word = str_head(*rest, n);
	*rest = str_trim(str_skip(*rest, n));
	return word;
}

static bool take_number(struct str *rest, uint32_t *out)
{
	uint64_t v;
	if (!str_parse_u64(take_word(rest), UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool parse_none(struct str rest, struct pop3_command *out)
{
	(void)out;
	return str_trim(rest).n == 0;
}

/* A NUL would end a password early in the functions that check it. */
static bool parse_text(struct str rest, struct pop3_command *out)
{
	out->text = rest;
	return rest.n > 0 && memchr(rest.p, '\0', rest.n) == NULL;
}

static bool parse_optional(struct str rest, struct pop3_command *out)
{
	return rest.n == 0 || parse_text(rest, out);
}

static bool parse_message(struct str rest, struct pop3_command *out)
{
	out->has_message = true;
	return take_number(&rest, &out->message) && rest.n == 0;
}

static bool parse_message_optional(struct str rest, struct pop3_command *out)
{
	return str_trim(rest).n == 0 || parse_message(rest, out);
}

static bool parse_message_lines(struct str rest, struct pop3_command *out)
{
	out->has_message = true;
	return take_number(&rest, &out->message) && take_number(&rest, &out->lines) && rest.n == 0;
}

static bool (*const argument_parsers[])(struct str, struct pop3_command *) = {
    [POP3_ARG_NONE] = parse_none,
    [POP3_ARG_TEXT] = parse_text,
    [POP3_ARG_OPTIONAL] = parse_optional,
    [POP3_ARG_MESSAGE] = parse_message,
    [POP3_ARG_MESSAGE_OPTIONAL] = parse_message_optional,
    [POP3_ARG_MESSAGE_LINES] = parse_message_lines,
};

static bool find_verb(struct str keyword, enum pop3_verb *out)
{
	for (unsigned i = 0; i < POP3_VERBS; i++)
		if (str_caseeq(keyword, verbs[i].keyword)) {
			*out = (enum pop3_verb)i;
			return true;
		}
	return false;
}

static bool is_http(struct str keyword)
{
	for (size_t i = 0; i < sizeof(http_methods) / sizeof(http_methods[0]); i++)
		if (str_eq(keyword, http_methods[i]))
			return true;
	return false;
}

enum pop3_fault pop3_parse(struct str line, enum pop3_state state, struct pop3_command *out)
{
	size_t n = str_find(line, ' ');
	struct str keyword = str_head(line, n);
	*out = (struct pop3_command){.verb = POP3_VERBS};
	if (!find_verb(keyword, &out->verb))
		return is_http(keyword) ? POP3_HTTP : POP3_UNKNOWN;
	if (!(verbs[out->verb].states & state))
		return state == POP3_AUTHORIZATION ? POP3_NOT_BEFORE_LOGIN : POP3_NOT_AFTER_LOGIN;
	/* RFC 1939 §3: one blank separates; what follows it may be part of a password. */
	bool fine = argument_parsers[verbs[out->verb].argument](str_skip(line, n + 1), out);
	return fine ? POP3_FINE : POP3_BAD_ARGUMENT;
}

void pop3_ok(struct buf *out, const char *format, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_printf(out, "+OK %s\r\n", text);
}

void pop3_err(struct buf *out, const char *code, const char *text)
{
	buf_printf(out, "-ERR %s%s%s\r\n", code == NULL ? "" : code, code == NULL ? "" : " ", text);
}

void pop3_refuse(struct buf *out, enum pop3_fault fault)
{
	pop3_err(out, NULL, refusals[fault]);
}

void pop3_capabilities(
    struct buf *out, enum pop3_state state, unsigned conditions, unsigned mechanisms)
{
	char names[AUTH_NAMES_SIZE];
	auth_mechanisms_list(mechanisms, names);
	pop3_ok(out, "capabilities follow");
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		if ((capabilities[i].states & state) &&
		    (capabilities[i].condition & ~conditions) == 0)
			buf_printf(out, "%s%s\r\n", capabilities[i].text,
			    (capabilities[i].condition & POP3_IF_MECHANISMS) ? names : "");
	buf_printf(out, ".\r\n");
}
