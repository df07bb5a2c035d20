/* SPDX-License-Identifier: ISC
 *
 * The tables and how their records are asked for, whatever holds them: the
 * compiled files of a running directory, or the text tables that a command has
 * just read.
 *
 *   domains   key: domain                           value: empty, or DOMAIN_RELAY (records.h)
 *   users     key: address                          value: user-record.h
 *   aliases   key: address, local part or "@domain" value: targets (alias.h)
 *   routes    key: domain, ".domain" or "*"         value: records.h
 *   tls       key: the same, or a nexthop           value: records.h
 *   logins    key: name                             value: records.h
 *   senders   key: address                          value: records.h
 *
 * Keys are in the form that key.h makes.
 */
#ifndef POSTERN_DIRECTORY_LOOKUP_H
#define POSTERN_DIRECTORY_LOOKUP_H

#include "common/pool.h"

enum table_id {
	TABLE_DOMAINS,
	TABLE_USERS,
	TABLE_ALIASES,
	TABLE_ROUTES,
	TABLE_TLS,
	TABLE_LOGINS,
	TABLE_SENDERS,
	TABLE_COUNT,
};

/* Its text and its compiled file are nobody's but their owner's. */
static inline bool table_is_secret(enum table_id id)
{
	return id == TABLE_USERS || id == TABLE_LOGINS;
}

/* "domains", "users" ...: the text table's file name. */
const char *table_name(enum table_id id);

enum lookup_result {
	LOOKUP_FOUND,
	LOOKUP_NONE,
	LOOKUP_FAILED, /* the table cannot be read now; nothing is known of the key */
};

struct lookup {
	/* `value` (NULL: not wanted) lives in the pool or as long as the tables do. */
	enum lookup_result (*get)(
	    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value);
	void *ctx;
};

static inline enum lookup_result lookup_get(const struct lookup *l, enum table_id table,
    struct str key, struct pool *pool, struct str *value)
{
	return l->get(l->ctx, table, key, pool, value);
}

#endif
