/* SPDX-License-Identifier: ISC */
#include "queue/survey.h"
#include "common/mem.h"

#include <stdlib.h>

struct survey {
	const struct reasons *reasons;
	uint64_t now;
	struct hash *destinations, *by_reason;
	struct survey_row total;
};

static struct str key_of(const void *row)
{
	const struct survey_row *r = row;
	return str_from(r->key, r->key_size);
}

struct survey *survey_new(const struct reasons *reasons, uint64_t now_wall)
{
	struct survey *s = xcalloc(1, sizeof(*s));
	s->reasons = reasons;
	s->now = now_wall;
	s->destinations = hash_new(key_of);
	s->by_reason = hash_new(key_of);
	return s;
}

static void free_row(void *row, void *ctx)
{
	(void)ctx;
	free(row);
}

void survey_free(struct survey *s)
{
	if (s == NULL)
		return;
	hash_each(s->destinations, free_row, NULL);
	hash_each(s->by_reason, free_row, NULL);
	hash_free(s->destinations);
	hash_free(s->by_reason);
	free(s);
}

static struct survey_row *row_for(struct hash *rows, struct str key)
{
	struct survey_row *row = hash_find(rows, key);
	if (row != NULL)
		return row;
	row = xcalloc(1, sizeof(*row) + key.n);
	row->key_size = key.n;
	memcpy(row->key, key.p, key.n);
	hash_put(rows, row);
	return row;
}

static size_t age_of(uint64_t now, uint64_t arrival)
{
	uint64_t seconds = now > arrival ? (now - arrival) / 1000 : 0;
	size_t age = 0;
	while (age + 1 < QUEUE_AGES && seconds >= queue_ages[age].below)
		age++;
	return age;
}

static void count(struct survey *s, struct survey_row *row, const struct message *m)
{
	row->recipients++;
	row->ages[age_of(s->now, m->arrival)]++;
	if (row->oldest == 0 || m->arrival < row->oldest)
		row->oldest = m->arrival;
}

static bool add_recipient(
    void *ctx, const struct message *m, uint16_t number, const struct job *job)
{
	struct survey *s = ctx;
	struct str reason = reasons_text(s->reasons, message_recipients(m)[number].reason);
	count(s, &s->total, m);
	if (reason.n > 0)
		count(s, row_for(s->by_reason, reason), m);
	if (job == NULL)
		job = &m->jobs[message_recipients(m)[number].next]; /* as message_job */
	count(s, row_for(s->destinations, destination_key(job->to)), m);
	return true;
}

void survey_add(struct survey *s, const struct message *m)
{
	s->total.messages++;
	for (size_t i = 0; i < m->job_count; i++)
		row_for(s->destinations, destination_key(m->jobs[i].to))->messages++;
	active_each_open(m, add_recipient, s);
}

const struct survey_row *survey_total(const struct survey *s)
{
	return &s->total;
}

struct listing {
	const struct survey_row **rows;
	size_t count;
};

static void list_row(void *row, void *ctx)
{
	struct listing *l = ctx;
	l->rows[l->count++] = row;
}

static int by_recipients(const void *a, const void *b)
{
	const struct survey_row *x = *(const struct survey_row *const *)a;
	const struct survey_row *y = *(const struct survey_row *const *)b;
	if (x->recipients != y->recipients)
		return x->recipients > y->recipients ? -1 : 1;
	return x->messages == y->messages ? 0 : x->messages > y->messages ? -1 : 1;
}

static const struct survey_row **sorted(struct hash *rows, size_t *count)
{
	struct listing l = {xcalloc(hash_count(rows) + 1, sizeof(*l.rows)), 0};
	hash_each(rows, list_row, &l);
	qsort(l.rows, l.count, sizeof(*l.rows), by_recipients);
	*count = l.count;
	return l.rows;
}

const struct survey_row **survey_destinations(const struct survey *s, size_t *count)
{
	return sorted(s->destinations, count);
}

const struct survey_row **survey_reasons(const struct survey *s, size_t *count)
{
	return sorted(s->by_reason, count);
}
