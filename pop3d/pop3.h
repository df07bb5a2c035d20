/* SPDX-License-Identifier: ISC
 *
 * The grammar of POP3 that login and session share: lines, commands, simple
 * replies, capabilities. Nothing here does I/O.
 */
#ifndef POSTERN_POP3_H
#define POSTERN_POP3_H

#include "common/buf.h"

enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2 };

enum pop3_argument {
	POP3_ARG_NONE,
	POP3_ARG_TEXT,	   /* the rest of the line as it is, blanks included; not empty */
	POP3_ARG_OPTIONAL, /* the same, or nothing */
	POP3_ARG_MESSAGE,
	POP3_ARG_MESSAGE_OPTIONAL,
	POP3_ARG_MESSAGE_LINES,
};

enum pop3_verb {
#define VERB(id, keyword, states, argument) POP3_##id,
#define CAPABILITY(text, states, condition)
#include "pop3d/pop3-verbs.def"
#undef VERB
#undef CAPABILITY
	POP3_VERBS,
};

struct pop3_command {
	enum pop3_verb verb;
	struct str text;  /* POP3_ARG_TEXT; points into the line */
	bool has_message; /* POP3_ARG_MESSAGE_OPTIONAL: was it given? */
	uint32_t message;
	uint32_t lines;
};

enum pop3_fault {
	POP3_FINE,
	POP3_UNKNOWN,
	POP3_NOT_BEFORE_LOGIN,
	POP3_NOT_AFTER_LOGIN,
	POP3_BAD_ARGUMENT,
	POP3_HTTP, /* a web browser was led here: leave without a word */
	POP3_FAULTS,
};

/* Octets of a command line with its line ending. RFC 2449 §4 has 255; passwords may be longer, and
 * the responses of AUTH. */
#define POP3_LINE_MAX 2800

enum pop3_line { POP3_LINE, POP3_LINE_INCOMPLETE, POP3_LINE_TOO_LONG };

/* Takes the next line off `in`; `line` has no line ending and lives until `in` grows. A LF alone
 * ends a line too. */
enum pop3_line pop3_take_line(struct buf *in, struct str *line);
enum pop3_fault pop3_parse(struct str line, enum pop3_state state, struct pop3_command *out);

/* Replies. `code` is a response code of RFC 2449 §8 or RFC 3206 with its brackets, or NULL. None
 * of them repeats what the client sent. */
void pop3_ok(struct buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pop3_err(struct buf *out, const char *code, const char *text);
void pop3_refuse(struct buf *out, enum pop3_fault fault);
/* What a connection has besides what all have; a mask. */
enum pop3_condition {
	POP3_ALWAYS = 0,
	POP3_IF_PASSWORDS = 1,	/* USER and PASS may be used */
	POP3_IF_STLS = 2,	/* TLS may be begun (RFC 2595 §4) */
	POP3_IF_MECHANISMS = 4, /* there are some for AUTH, which may be used */
};
/* The reply to CAPA; `mechanisms`: those of AUTH, for POP3_IF_MECHANISMS. */
void pop3_capabilities(
    struct buf *out, enum pop3_state state, unsigned conditions, unsigned mechanisms);

#endif
