/* SPDX-License-Identifier: ISC
 *
 * The texts of all kinds of notices: what an operator put into the directory
 * conf queue.templates, else those that are built in. A file that is not there is
 * no fault.
 */
#ifndef POSTERN_QUEUE_TEMPLATES_H
#define POSTERN_QUEUE_TEMPLATES_H

#include "queue/dsn.h"

/* Those of enum dsn_kind, and: */
enum { TEXT_LIMIT = DSN_KINDS, TEXT_LIMITS, TEXT_KINDS };

struct templates {
	struct template *list[TEXT_KINDS];
};

/* `text` says which file, which line, what is wrong and what to write instead. */
typedef void templates_fault_fn(void *ctx, const char *text);

/* `directory` NULL: the built-in ones. False when there is any fault; the built-in text stands in
 * then. */
bool templates_load(
    struct templates *t, const char *directory, templates_fault_fn *fault, void *ctx);
void templates_reset(struct templates *t);

#endif
