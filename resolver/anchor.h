/* SPDX-License-Identifier: ISC
 *
 * The trust anchor: the root's keys that all validation begins with. Without a file of the
 * operator's, those that were in force when this was written. A file is kept up to date as
 * RFC 5011 has it where it can be written; otherwise it is read only.
 */
#ifndef POSTERN_RESOLVER_ANCHOR_H
#define POSTERN_RESOLVER_ANCHOR_H

#include "common/conf.h"

struct ub_ctx;

struct anchor {
	char *directory; /* NULL: the built-in anchor */
	char *file;	 /* its name in there */
	bool writable;
};

/* Before the jail: the file's directory, NULL where there is none, is to be the root of the program
 * and the only place that it reaches. */
void anchor_open(struct anchor *anchor, const struct conf_resolver *conf, const char *directory);
/* In the jail: finds out whether it can be kept up to date; a file that is not there is begun
 * with the built-in anchor. Logs which it is. */
void anchor_look(struct anchor *anchor);
/* False: libunbound does not take it, which is logged. */
bool anchor_apply(const struct anchor *anchor, struct ub_ctx *ub);
/* The file that the configuration names is the one that was opened. */
bool anchor_is_same(const struct anchor *anchor, const struct conf_resolver *conf);

#endif
