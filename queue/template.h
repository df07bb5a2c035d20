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

/*   WORD(id, "name", "what it stands for") */
#define TEMPLATE_WORDS \
	WORD(HOSTNAME, "hostname", "this server") \
	WORD(POSTMASTER, "postmaster", "who answers questions") \
	WORD(SENDER, "sender", "the message's sender") \
	WORD(RECIPIENTS, "recipients", "the recipients it is about, each with what was said") \
	WORD(ARRIVAL, "arrival", "when the message came") \
	WORD(ID, "id", "its queue id, as in the log") \
	WORD(UNTIL, "until", "how long delivery is tried") \
	WORD(RETURNED, "returned", "a sentence about what of the message is attached")

enum template_word {
#define WORD(id, name, help) TEMPLATE_##id,
	TEMPLATE_WORDS
#undef WORD
	    TEMPLATE_WORD_COUNT
};

struct template;

/* Called for each fault: what is wrong in which line, and what to write instead. */
typedef void template_fault_fn(void *ctx, unsigned line, const char *text);

/* NULL when there is any fault. */
struct template *template_parse(struct str text, template_fault_fn *fault, void *ctx);
void template_free(struct template *t);
struct str template_subject(const struct template *t);
/* Appends the text with its words replaced; false past the buffer's ceiling. */
bool template_expand(
    const struct template *t, const struct str words[TEMPLATE_WORD_COUNT], struct buf *out);

#endif
