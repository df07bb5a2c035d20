/* SPDX-License-Identifier: ISC
 *
 * Invariant: a line is in the hash as long as one of its jobs waits or runs, and in `ready` as long
 * as one waits and may run.
 */
#include "directory/turns.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <sys/queue.h>

struct waiting {
	STAILQ_ENTRY(waiting) link;
	void *job;
};
STAILQ_HEAD(waiting_list, waiting);

struct line {
	TAILQ_ENTRY(line) ready;
	bool is_ready;
	enum turns_class class;
	size_t running, count;
	struct waiting_list jobs;
	size_t name_size;
	char name[];
};
TAILQ_HEAD(line_list, line);

struct turns {
	size_t places, line_places, line_max, all_max;
	size_t running, count[TURNS_CLASSES];
	struct hash *lines;
	struct line_list ready[TURNS_CLASSES];
};

static struct str name_of(const void *entry)
{
	const struct line *l = entry;
	return str_from(l->name, l->name_size);
}

struct turns *turns_new(size_t places, size_t line_places, size_t line_max, size_t all_max)
{
	struct turns *t = xcalloc(1, sizeof(*t));
	*t = (struct turns){.places = places,
	    .line_places = line_places,
	    .line_max = line_max,
	    .all_max = all_max,
	    .lines = hash_new(name_of)};
	TAILQ_INIT(&t->ready[TURNS_FIRST]);
	TAILQ_INIT(&t->ready[TURNS_OTHER]);
	return t;
}

static void *take_job(struct turns *t, struct line *l)
{
	struct waiting *w = STAILQ_FIRST(&l->jobs);
	void *job = w->job;
	STAILQ_REMOVE_HEAD(&l->jobs, link);
	free(w);
	l->count--;
	t->count[l->class]--;
	return job;
}

static void free_line(void *entry, void *ctx)
{
	struct line *l = entry;
	(void)ctx;
	free(l);
}

static struct line *first_ready(const struct turns *t)
{
	struct line *l = TAILQ_FIRST(&t->ready[TURNS_FIRST]);
	return l != NULL ? l : TAILQ_FIRST(&t->ready[TURNS_OTHER]);
}

void turns_free(struct turns *t, void (*drop)(void *job))
{
	struct line *l;
	if (t == NULL)
		return;
	while ((l = first_ready(t)) != NULL) {
		while (l->count > 0)
			drop(take_job(t, l));
		TAILQ_REMOVE(&t->ready[l->class], l, ready);
	}
	hash_each(t->lines, free_line, NULL);
	hash_free(t->lines);
	free(t);
}

/* To the end of those whose turn it is, or out of them. */
static void settle(struct turns *t, struct line *l)
{
	if (l->is_ready)
		TAILQ_REMOVE(&t->ready[l->class], l, ready);
	l->is_ready = l->count > 0 && l->running < t->line_places;
	if (l->is_ready)
		TAILQ_INSERT_TAIL(&t->ready[l->class], l, ready);
	if (l->count > 0 || l->running > 0)
		return;
	hash_take(t->lines, name_of(l));
	free(l);
}

static struct line *find_or_add(struct turns *t, enum turns_class class, struct str name)
{
	struct line *l = hash_find(t->lines, name);
	if (l != NULL)
		return l;
	l = xcalloc(1, sizeof(*l) + name.n + 1);
	if (name.n > 0)
		memcpy(l->name, name.p, name.n);
	l->name_size = name.n;
	l->class = class;
	STAILQ_INIT(&l->jobs);
	hash_put(t->lines, l);
	return l;
}

bool turns_add(struct turns *t, enum turns_class class, struct str name, void *job)
{
	if (t->count[class] >= t->all_max)
		return false;
	struct line *l = find_or_add(t, class, name);
	if (l->count >= t->line_max)
		return false;
	struct waiting *w = xcalloc(1, sizeof(*w));
	w->job = job;
	STAILQ_INSERT_TAIL(&l->jobs, w, link);
	l->count++;
	t->count[class]++;
	if (!l->is_ready)
		settle(t, l);
	return true;
}

void *turns_next(struct turns *t)
{
	struct line *l = first_ready(t);
	if (l == NULL || t->running >= t->places)
		return NULL;
	void *job = take_job(t, l);
	l->running++;
	t->running++;
	settle(t, l);
	return job;
}

void turns_done(struct turns *t, struct str name)
{
	struct line *l = hash_find(t->lines, name);
	if (l == NULL || l->running == 0)
		return;
	l->running--;
	t->running--;
	/* A line that is ready keeps its turn. */
	if (!l->is_ready)
		settle(t, l);
}

size_t turns_waiting(const struct turns *t)
{
	return t->count[TURNS_FIRST] + t->count[TURNS_OTHER];
}
