/* SPDX-License-Identifier: ISC
 *
 * The SMTP commands as rows. Who may use a command when, and what it looks like,
 * is in the row; its handler gets a parsed argument, decides, and returns a
 * status. EHLO and HELP are generated from rows.
 */
#ifndef POSTERN_SMTPD_VERB_H
#define POSTERN_SMTPD_VERB_H

#include "common/address.h"
#include "smtpd/reply.h"

struct smtp_server;

enum verb_argument {
	ARGUMENT_NONE,	/* anything there is STATUS_NO_ARGUMENT */
	ARGUMENT_TEXT,	/* the handler's affair */
	ARGUMENT_FROM,	/* "FROM:" path [parameters] */
	ARGUMENT_TO,	/* "TO:" path [parameters] */
	ARGUMENT_CHUNK, /* octets ["LAST"] */
};

enum verb_flags {
	VERB_LISTED = 1,  /* in HELP and in the statistics */
	VERB_MAIL = 2,	  /* not counted against the command rate when it succeeds */
	VERB_FOREIGN = 4, /* of another protocol: the session ends at once */
};

struct argument {
	struct str text;	/* TEXT; FROM and TO: the parameters */
	struct address address; /* FROM and TO */
	uint64_t octets;	/* CHUNK */
	bool last;
};

typedef enum smtp_status verb_fn(struct smtp_server *s, const struct argument *a);

struct verb {
	const char *name;
	verb_fn *run;	 /* NULL: never; `refusal` */
	unsigned states; /* mask of enum smtp_state in which it is legal */
	enum verb_argument argument;
	unsigned flags;
	enum smtp_status syntax;  /* when the argument cannot be parsed */
	enum smtp_status refusal; /* in a state in which it is not legal */
};

enum { VERB_NAME_MAX = 8, VERBS_LISTED_MAX = 14 };

extern const struct verb verbs[];
extern const size_t verb_count;

/* The row whose name is `name` without regard to case, or NULL. */
const struct verb *verb_find(struct str name);
/* False: answer v->syntax, or *why when that is set. */
bool verb_parse_argument(
    const struct verb *v, struct str text, struct argument *a, enum smtp_status *why);

#endif
