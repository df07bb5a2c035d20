/* SPDX-License-Identifier: ISC
 *
 * Invariant: no more than BOGUS_LOG_NAMES_MAX names are kept, all of one hour.
 */
#include "resolver/bogus-log.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mem.h"

#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000 };

struct said {
	size_t n;
	char name[DNS_NAME_MAX];
};

static struct hash *said;
static uint64_t hour_began_ms;

static struct str key_of(const void *entry)
{
	const struct said *s = entry;
	return str_from(s->name, s->n);
}

static void free_one(void *entry, void *ctx)
{
	(void)ctx;
	free(entry);
}

void bogus_log_clear(void)
{
	if (said == NULL)
		return;
	hash_each(said, free_one, NULL);
	hash_free(said);
	said = NULL;
}

/* False when it was said this hour. */
static bool note(struct str name, uint64_t now_ms)
{
	if (said != NULL && now_ms - hour_began_ms >= HOUR_MS)
		bogus_log_clear();
	if (said == NULL) {
		said = hash_new(key_of);
		hour_began_ms = now_ms;
	}
	if (hash_find(said, name) != NULL || hash_count(said) >= BOGUS_LOG_NAMES_MAX)
		return false;
	struct said *s = xcalloc(1, sizeof(*s));
	s->n = name.n;
	memcpy(s->name, name.p, name.n);
	hash_put(said, s);
	return true;
}

bool bogus_log(const struct question *q, struct str why, uint64_t now_ms)
{
	struct log_event ev;
	if (!note(question_name(q), now_ms))
		return false;
	log_begin(&ev, LOG_WARNING, (struct str){NULL, 0});
	log_str(&ev, "name", question_name(q));
	log_str(&ev, "type", str_from_cstr(question_type_name(q->type)));
	log_str(&ev, "dnssec", STR("bogus"));
	log_note(&ev, why);
	log_end(&ev);
	return true;
}
