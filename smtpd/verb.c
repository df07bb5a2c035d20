/* SPDX-License-Identifier: ISC
 *
 * The table of commands: RFC 5321 §4.1.1, RFC 3030, and what others of the same
 * family may send. Rows that are VERB_LISTED come first.
 */
#include "smtpd/smtp-internal.h"

#define GREETED (SMTP_READY | SMTP_MAIL | SMTP_RCPT | SMTP_CHUNKS)

#define ROW(word, handler, in_states, kind, flag_mask, bad_syntax, not_now)                        \
	{                                                                                          \
		.name = (word), .run = (handler), .states = (in_states), .argument = (kind),       \
		.flags = (flag_mask), .syntax = STATUS_##bad_syntax, .refusal = STATUS_##not_now   \
	}
#define NEVER(word)   ROW(word, NULL, 0, ARGUMENT_TEXT, 0, NONE, NOT_IMPLEMENTED)
#define FOREIGN(word) ROW(word, NULL, 0, ARGUMENT_TEXT, 0, NONE, FOREIGN)

enum { LISTED = VERB_LISTED, CARRIES = VERB_LISTED | VERB_MAIL };

/* clang-format off */
const struct verb verbs[] = {
    /*   name    handler    legal in                argument        flags    bad syntax   not now */
    ROW("EHLO", verb_ehlo, SMTP_ANY,                ARGUMENT_TEXT,  LISTED,  BAD_HELO,    NONE),
    ROW("HELO", verb_helo, SMTP_ANY,                ARGUMENT_TEXT,  LISTED,  BAD_HELO,    NONE),
    ROW("MAIL", verb_mail, SMTP_READY,              ARGUMENT_FROM,  CARRIES, BAD_MAIL,    NESTED_MAIL),
    ROW("RCPT", verb_rcpt, SMTP_MAIL | SMTP_RCPT,   ARGUMENT_TO,    CARRIES, BAD_RCPT,    MAIL_FIRST),
    ROW("DATA", verb_data, SMTP_MAIL | SMTP_RCPT,   ARGUMENT_NONE,  CARRIES, NO_ARGUMENT, MAIL_FIRST),
    ROW("BDAT", verb_bdat, SMTP_ANY,                ARGUMENT_CHUNK, CARRIES, BAD_BDAT,    NONE),
    ROW("RSET", verb_rset, SMTP_ANY,                ARGUMENT_NONE,  LISTED,  NO_ARGUMENT, NONE),
    ROW("NOOP", verb_noop, SMTP_ANY,                ARGUMENT_TEXT,  LISTED,  NONE,        NONE),
    ROW("AUTH", verb_auth, SMTP_READY,              ARGUMENT_TEXT,  LISTED,  BAD_AUTH,    AUTH_IN_MAIL),
    ROW("VRFY", verb_vrfy, GREETED,                 ARGUMENT_TEXT,  LISTED,  BAD_VRFY,    NONE),
    ROW("HELP", verb_help, SMTP_ANY,                ARGUMENT_TEXT,  LISTED,  NONE,        NONE),
    ROW("QUIT", verb_quit, SMTP_ANY,                ARGUMENT_NONE,  LISTED,  NO_ARGUMENT, NONE),
    ROW("STARTTLS", verb_starttls, SMTP_READY,      ARGUMENT_NONE,  LISTED,  NO_ARGUMENT, TLS_NOT_NOW),
    NEVER("EXPN"), NEVER("SEND"), NEVER("SOML"), NEVER("SAML"), NEVER("TURN"), NEVER("ETRN"),
    NEVER("ATRN"), NEVER("BURL"), NEVER("LHLO"),
    FOREIGN("GET"), FOREIGN("POST"), FOREIGN("HEAD"), FOREIGN("PUT"), FOREIGN("OPTIONS"),
    FOREIGN("DELETE"), FOREIGN("PATCH"), FOREIGN("TRACE"), FOREIGN("CONNECT"), FOREIGN("PRI"),
};
/* clang-format on */
const size_t verb_count = sizeof(verbs) / sizeof(verbs[0]);

const struct verb *verb_find(struct str name)
{
	for (size_t i = 0; i < verb_count; i++)
		if (str_caseeq(name, str_from_cstr(verbs[i].name)))
			return &verbs[i];
	return NULL;
}

/* Blanks behind the colon are what many clients send, and cannot mean anything else. */
static bool parse_path(struct str prefix, bool is_mail, struct str text, struct argument *a)
{
	struct str rest;
	text = str_trim(str_skip(text, prefix.n));
	if (address_parse_path(text, true, is_mail, !is_mail, &a->address, &rest) != ADDRESS_OK)
		return false;
	if (rest.n > 0 && rest.p[0] != ' ')
		return false;
	a->text = str_trim(rest);
	return true;
}

static bool parse_chunk(struct str text, struct argument *a)
{
	size_t blank = str_find(text, ' ');
	struct str last = str_trim(str_skip(text, blank));
	a->last = str_caseeq(last, STR("LAST"));
	return str_parse_u64(str_head(text, blank), UINT64_MAX, &a->octets) &&
	       (a->last || last.n == 0);
}

bool verb_parse_argument(
    const struct verb *v, struct str text, struct argument *a, enum smtp_status *why)
{
	bool is_mail = v->argument == ARGUMENT_FROM;
	struct str prefix = is_mail ? STR("FROM:") : STR("TO:");
	switch (v->argument) {
	case ARGUMENT_NONE:
		return text.n == 0;
	case ARGUMENT_TEXT:
		a->text = text;
		return true;
	case ARGUMENT_CHUNK:
		return parse_chunk(text, a);
	case ARGUMENT_FROM:
	case ARGUMENT_TO:
		break;
	}
	if (!str_has_caseprefix(text, prefix))
		return false;
	*why = is_mail ? STATUS_BAD_SENDER : STATUS_BAD_RECIPIENT;
	return parse_path(prefix, is_mail, text, a);
}
