/* SPDX-License-Identifier: ISC
 *
 * One text table in memory: its records sorted by key. One parser per table
 * (table-NAME.c); each reports every fault it
 * finds and goes on with the next line. doc/man/postern-tables.5 has the formats.
 */
#ifndef POSTERN_DIRECTORY_TABLE_H
#define POSTERN_DIRECTORY_TABLE_H

#include "common/answers.h"
#include "common/buf.h"
#include "directory/faults.h"
#include "directory/lookup.h"

struct table_entry {
	struct str key;
	struct str value;
	const unsigned *target_lines; /* aliases: where each target stands */
	unsigned line;
};

struct table {
	enum table_id id;
	const char *file; /* for faults; the caller's */
	struct pool *pool;
	struct table_entry *entries;
	size_t count;
	size_t cap;
};

void table_init(struct table *t, enum table_id id, const char *file);
void table_free(struct table *t);

/* Parses `text`, which lives as long as the table does; sorts; reports keys that come twice. */
void table_parse(struct table *t, struct str text, struct faults *faults);
const struct table_entry *table_find(const struct table *t, struct str key);

/* For the parsers. */
void table_add(struct table *t, struct table_entry entry);
typedef void table_parser(struct table *t, struct str text, struct faults *faults);
table_parser table_parse_domains;
table_parser table_parse_users;
table_parser table_parse_aliases;
table_parser table_parse_routes;
table_parser table_parse_tls;
table_parser table_parse_logins;
table_parser table_parse_senders;

/* Calls fn for each line; `scratch` is for that line alone. */
struct line;
typedef void table_line_fn(
    struct table *t, const struct line *line, struct pool *scratch, struct faults *faults);
void table_each_line(struct table *t, struct str text, struct faults *faults, table_line_fn *fn);
/* table_add with a copy of the value; false past the pool. */
bool table_add_record(struct table *t, struct table_entry *entry, const struct buf *value);
/* Takes the first word off; what is left is trimmed. */
struct str table_word(struct str *rest);

/* An address or a domain as operators write it; false after `why` (static text) was set. */
bool table_read_address(
    struct str text, struct pool *pool, struct str *canonical, const char **why);
bool table_read_domain(struct str text, struct pool *pool, struct str *key, const char **why);
/* "verify" and so on. */
const char *tls_policy_word(enum tls_policy policy);

/* A domain, ".example.org" or "*". */
bool table_read_pattern(struct str text, struct pool *pool, struct str *key, const char **why);

#endif
