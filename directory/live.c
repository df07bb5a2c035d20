/* SPDX-License-Identifier: ISC
 *
 * Invariant: `set` is sound when it is put in use. `seen` is the state of the
 * files that was last tried, so a bad set is tried twice (it may have been in the
 * middle of being written) and then not again until a file changes.
 */
#include "directory/live.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "directory/password.h"
#include "directory/table-set.h"
#include "directory/work.h"

#include <stdlib.h>
#include <unistd.h>

enum { LOOK_MS = 1000, TRIES = 2 };

struct live {
	int dirfd;
	void (*on_change)(void *ctx);
	void *ctx;
	struct table_set *set;
	bool broken; /* a file that is read in place was written to, or cannot be read */
	struct table_files seen;
	unsigned tries; /* of `seen`, all in vain */
	struct load_job *loading;
	struct work *work;
	struct event *timer;
	char default_hash[HASH_MAX + 1];
};

struct load_job {
	struct work_job job; /* first */
	struct live *live;
	int dirfd;
	struct table_set *set;
	struct table_files files;
	struct table_set_fault fault;
};

static void run_load(struct work_job *job)
{
	struct load_job *load = (struct load_job *)job;
	load->set = table_set_open(load->dirfd, &load->files, &load->fault);
}

static const char *what_answers(const struct live *l)
{
	return live_is_usable(l) ? "the old tables stay in use"
				 : "every answer is \"not now\" until then";
}

static void report(const struct live *l, const struct table_set_fault *fault)
{
	char name[MAP_NAME_SIZE] = "the compiled tables";
	if (fault->table != TABLE_COUNT)
		map_file_name(fault->table, name);
	log_message(live_is_usable(l) ? LOG_WARNING : LOG_ERR,
	    "%s %s: run `postern table build`; %s", name, fault->why, what_answers(l));
}

static void use_set(struct live *l, struct table_set *set)
{
	table_set_close(l->set);
	l->set = set;
	l->broken = false;
	l->tries = 0;
	log_message(LOG_INFO, "tables: %llu domains, %llu users, %llu aliases, %llu routes",
	    (unsigned long long)map_get_facts(set->maps[TABLE_DOMAINS])->count,
	    (unsigned long long)map_get_facts(set->maps[TABLE_USERS])->count,
	    (unsigned long long)map_get_facts(set->maps[TABLE_ALIASES])->count,
	    (unsigned long long)map_get_facts(set->maps[TABLE_ROUTES])->count);
	l->on_change(l->ctx);
}

static void done_load(struct work_job *job)
{
	struct load_job *load = (struct load_job *)job;
	struct live *l = load->live;
	l->loading = NULL;
	if (load->set != NULL) {
		l->seen = load->files;
		use_set(l, load->set);
	} else if (++l->tries == TRIES) {
		report(l, &load->fault);
	}
	free(load);
}

static struct load_job *new_load(struct live *l)
{
	struct load_job *load = xcalloc(1, sizeof(*load));
	*load = (struct load_job){
	    .job = {.run = run_load, .done = done_load}, .live = l, .dirfd = l->dirfd};
	return load;
}

/* Whether the set in use still is what it was when it was checked. */
static void look_at_set(struct live *l)
{
	for (size_t i = 0; l->set != NULL && !l->broken && i < TABLE_COUNT; i++) {
		if (map_is_intact(l->set->maps[i]))
			continue;
		char name[MAP_NAME_SIZE];
		map_file_name((enum table_id)i, name);
		l->broken = true;
		log_message(LOG_ERR,
		    "%s was written to in place: run `postern table build`; every answer is \"not "
		    "now\" until then",
		    name);
	}
}

void live_look(struct live *l)
{
	struct table_files now;
	look_at_set(l);
	if (l->loading != NULL)
		return;
	table_files_look(l->dirfd, &now);
	if (!table_files_eq(&now, &l->seen)) {
		l->seen = now;
		l->tries = 0;
	} else if (l->tries == 0 || l->tries >= TRIES) {
		return; /* in use, or known to be bad */
	}
	l->loading = new_load(l);
	if (!work_submit(l->work, &l->loading->job)) {
		free(l->loading);
		l->loading = NULL;
	}
}

static void on_timer(void *ctx)
{
	struct live *l = ctx;
	live_look(l);
	loop_timer_start(l->timer, LOOK_MS);
}

/* The first set is there before the first question. */
static void load_first(struct live *l)
{
	struct table_set_fault fault;
	struct table_set *set = table_set_open(l->dirfd, &l->seen, &fault);
	if (set != NULL) {
		use_set(l, set);
		return;
	}
	table_files_look(l->dirfd, &l->seen);
	l->tries = TRIES;
	report(l, &fault);
}

struct live *live_new(int dirfd, void (*on_change)(void *ctx), void *ctx)
{
	struct live *l = xcalloc(1, sizeof(*l));
	*l = (struct live){.dirfd = dirfd, .on_change = on_change, .ctx = ctx};
	if (!password_hash(STR("nobody's"), l->default_hash))
		log_message(LOG_ERR, "the default password hash cannot be made: %m");
	load_first(l);
	l->work = work_new(1, 1);
	l->timer = loop_timer(on_timer, l);
	loop_timer_start(l->timer, LOOK_MS);
	return l;
}

static void drop_load(struct work_job *job)
{
	struct load_job *load = (struct load_job *)job;
	table_set_close(load->set);
	free(load);
}

void live_free(struct live *l)
{
	if (l == NULL)
		return;
	if (l->loading != NULL)
		l->loading->job.done = drop_load;
	work_free(l->work);
	table_set_close(l->set);
	event_free(l->timer);
	close(l->dirfd);
	free(l);
}

static enum lookup_result get(
    void *ctx, enum table_id table, struct str key, struct pool *pool, struct str *value)
{
	struct live *l = ctx;
	if (!live_is_usable(l))
		return LOOKUP_FAILED;
	enum lookup_result r = map_get(l->set->maps[table], key, pool, value);
	if (r == LOOKUP_FAILED)
		look_at_set(l);
	return r;
}

struct lookup live_lookup(struct live *l)
{
	return (struct lookup){.get = get, .ctx = l};
}

bool live_is_usable(const struct live *l)
{
	return l->set != NULL && !l->broken;
}

const struct stand_ins *live_stand_ins(const struct live *l)
{
	static const struct stand_ins none;
	return l->set != NULL ? &l->set->stand_ins : &none;
}

const char *live_default_hash(const struct live *l)
{
	return l->default_hash;
}

bool live_all_have_keys(const struct live *l)
{
	return l->set != NULL && l->set->all_have_keys;
}
