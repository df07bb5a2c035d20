/* SPDX-License-Identifier: ISC
 *
 * The text of a notice as an operator may write it:
 *
 *   Subject: Your message could not be delivered
 *
 *   This is the mail system at ${hostname}. ...
 *
 * The first line is the subject, in ASCII; then an empty line; then UTF-8 text in
 * which ${word} stands for something (TEMPLATE_WORDS) and $$ for a dollar sign.
 * There are no expressions and no conditions. Pure.
 */
#ifndef POSTERN_QUEUE_TEMPLATE_H
#define POSTERN_QUEUE_TEMPLATE_H

#include "common/buf.h"

enum { TEMPLATE_MAX = 16 * 1024, TEMPLATE_SUBJECT_MAX = 200 };

/* What a text is about: it has words of its own. */
enum template_about { ABOUT_MESSAGE = 1, ABOUT_LIMIT = 2, ABOUT_ANY = ABOUT_MESSAGE | ABOUT_LIMIT };

/*   WORD(id, "name", mask of enum template_about, "what it stands for") */
#define TEMPLATE_WORDS \
	WORD(HOSTNAME, "hostname", ABOUT_ANY, "this server") \
	WORD(POSTMASTER, "postmaster", ABOUT_ANY, "who answers questions") \
	WORD(SENDER, "sender", ABOUT_MESSAGE, "the message's sender") \
	WORD(RECIPIENTS, "recipients", ABOUT_MESSAGE, "the recipients it is about, each with what was said") \
	WORD(ARRIVAL, "arrival", ABOUT_MESSAGE, "when the message came") \
	WORD(ID, "id", ABOUT_MESSAGE, "its queue id, as in the log") \
	WORD(UNTIL, "until", ABOUT_MESSAGE, "how long delivery is tried") \
	WORD(RETURNED, "returned", ABOUT_MESSAGE, "a sentence about what of the message is attached") \
	WORD(WHO, "who", ABOUT_LIMIT, "the login, address or network, or how many passed a limit") \
	WORD(LIMIT, "limit", ABOUT_LIMIT, "which limit") \
	WORD(COUNT, "count", ABOUT_LIMIT, "how many recipients there were, those too many included") \
	WORD(SINCE, "since", ABOUT_LIMIT, "from when on they are counted") \
	WORD(WHEN, "when", ABOUT_LIMIT, "when the limit was passed") \
	WORD(CLIENTS, "clients", ABOUT_LIMIT, "the client addresses that they came from, the last first") \
	WORD(DONE, "done", ABOUT_LIMIT, "a sentence about what becomes of mail that is over") \
	WORD(COMMANDS, "commands", ABOUT_LIMIT, "what to type, a line each")

enum template_word {
#define WORD(id, name, about, help) TEMPLATE_##id,
	TEMPLATE_WORDS
#undef WORD
	    TEMPLATE_WORD_COUNT
};

struct template;

/* Called for each fault: what is wrong in which line, and what to write instead. */
typedef void template_fault_fn(void *ctx, unsigned line, const char *text);

/* NULL when there is any fault. */
struct template *template_parse(
    struct str text, enum template_about about, template_fault_fn *fault, void *ctx);
void template_free(struct template *t);
struct str template_subject(const struct template *t);
/* Appends the text with its words replaced; false past the buffer's ceiling. */
bool template_expand(
    const struct template *t, const struct str words[TEMPLATE_WORD_COUNT], struct buf *out);

#endif
