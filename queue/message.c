/* SPDX-License-Identifier: ISC
 *
 * Layout of the one allocation: struct message, jobs, recipients, text. The text
 * is the reverse-path, then for each recipient its address and its original
 * (empty when the same), each as a 16-bit length and octets.
 */
#include "queue/message.h"
#include "common/mem.h"

#include <stdlib.h>

/* What a message needs before it can be laid out. */
struct plan {
	struct destination **destinations; /* one a job, in the order of their first recipients */
	size_t jobs;
	size_t text;
};

static struct str domain_of(struct str address)
{
	return str_skip(address, str_rfind(address, '@') + 1);
}

static struct destination *destination_of(struct scheduler *s, const struct recipient *r)
{
	if (r->transport == TRANSPORT_LOCAL)
		return scheduler_destination(s, TRANSPORT_LOCAL, domain_of(r->address));
	if (r->transport == TRANSPORT_DISCARD)
		return scheduler_destination(s, TRANSPORT_DISCARD, (struct str){NULL, 0});
	if (r->transport == TRANSPORT_HOLD)
		return scheduler_destination(s, TRANSPORT_HOLD, r->nexthop);
	return scheduler_destination(s, TRANSPORT_REMOTE, r->nexthop);
}

static struct str original_to_keep(const struct recipient *r)
{
	return str_eq(r->original, r->address) ? (struct str){NULL, 0} : r->original;
}

/* Groups recipients by destination. Each destination notes which job it got; a note that an
 * earlier message left there does not point back. */
static void make_plan(struct plan *plan, struct scheduler *s, const struct recipient *recipients,
    size_t count, uint16_t *job_of)
{
	for (size_t i = 0; i < count; i++) {
		struct destination *d = destination_of(s, &recipients[i]);
		if (d->note >= plan->jobs || plan->destinations[d->note] != d) {
			d->note = (uint16_t)plan->jobs;
			plan->destinations[plan->jobs++] = d;
		}
		job_of[i] = d->note;
		plan->text += 4 + recipients[i].address.n + original_to_keep(&recipients[i]).n;
	}
}

static char *text_of(const struct message *m)
{
	return (char *)(message_recipients(m) + m->recipient_count);
}

static uint32_t put_text(struct message *m, uint32_t at, struct str s)
{
	char *to = text_of(m) + at;
	uint16_t n = (uint16_t)s.n;
	memcpy(to, &n, sizeof(n));
	if (n > 0)
		memcpy(to + sizeof(n), s.p, n);
	return at + (uint32_t)sizeof(n) + n;
}

static struct str get_text(const struct message *m, uint32_t at)
{
	uint16_t n;
	memcpy(&n, text_of(m) + at, sizeof(n));
	return str_from(text_of(m) + at + sizeof(n), n);
}

enum recipient_state message_first_state(const struct job *job)
{
	return job->to->transport == TRANSPORT_HOLD ? RECIPIENT_HELD : RECIPIENT_READY;
}

static void fill(struct message *m, const struct envelope *envelope,
    const struct recipient *recipients, const uint16_t *job_of)
{
	struct message_recipient *list = message_recipients(m);
	uint32_t at = put_text(m, 0, envelope->reverse_path);
	for (size_t i = 0; i < m->recipient_count; i++) {
		list[i] = (struct message_recipient){.text = at,
		    .next = job_of[i],
		    .state = message_first_state(&m->jobs[job_of[i]]) & RECIPIENT_STATES};
		if (recipients[i].notify & NOTIFY_SUCCESS)
			m->flags |= MESSAGE_SUCCESS;
		at = put_text(m, at, recipients[i].address);
		at = put_text(m, at, original_to_keep(&recipients[i]));
	}
}

static size_t octets(size_t jobs, size_t recipients, size_t text)
{
	return sizeof(struct message) + jobs * sizeof(struct job) +
	       recipients * sizeof(struct message_recipient) + text;
}

size_t message_octets(const struct message *m)
{
	return octets(m->job_count, m->recipient_count, m->text_size);
}

static struct message *lay_out(struct scheduler *s, const struct envelope *envelope,
    const struct recipient *recipients, size_t count, const struct plan *plan,
    const uint16_t *job_of)
{
	struct message *m = xmalloc(octets(plan->jobs, count, plan->text));
	uint32_t sender = (uint32_t)hash_bytes(envelope->reverse_path.p, envelope->reverse_path.n);
	*m = (struct message){.arrival = envelope->arrival,
	    .text_size = (uint32_t)plan->text,
	    .recipient_count = (uint16_t)count,
	    .job_count = (uint16_t)plan->jobs,
	    .open = (uint16_t)count};
	for (size_t i = 0; i < plan->jobs; i++) {
		m->jobs[i] = (struct job){
		    .own = {(uint16_t)i, .ready = RECIPIENT_NONE, .deferred = RECIPIENT_NONE}};
		scheduler_adopt(s, &m->jobs[i], plan->destinations[i], sender);
	}
	fill(m, envelope, recipients, job_of);
	return m;
}

enum { FEW = 16 };

struct message *message_new(struct scheduler *s, uint64_t id, const struct envelope *envelope,
    const struct recipient *recipients, size_t count, uint64_t size)
{
	struct destination *few_destinations[FEW];
	uint16_t few_jobs[FEW], *job_of = few_jobs;
	struct plan plan = {.destinations = few_destinations, .text = 2 + envelope->reverse_path.n};
	if (count == 0 || count > RECIPIENTS_MAX)
		abort();
	if (count > FEW) {
		plan.destinations = xreallocarray(NULL, count, sizeof(*plan.destinations));
		job_of = xreallocarray(NULL, count, sizeof(*job_of));
	}
	make_plan(&plan, s, recipients, count, job_of);
	struct message *m = lay_out(s, envelope, recipients, count, &plan, job_of);
	m->id = id;
	m->size = size;
	if (count > FEW) {
		free(plan.destinations);
		free(job_of);
	}
	return m;
}

/* What a job knows of its tries goes to the job of the same destination, if there is one. */
static void copy_job(struct message *m, const struct job *old)
{
	for (size_t i = 0; i < m->job_count; i++) {
		struct job *job = &m->jobs[i];
		if (job->to != old->to)
			continue;
		job->attempts = old->attempts;
		job->postponed = old->postponed;
		job->wake.when = old->wake.when;
	}
}

static void copy_states(struct message *m, const struct message *old, const uint16_t *old_jobs)
{
	struct message_recipient *list = message_recipients(m);
	for (size_t i = 0; i < m->recipient_count; i++) {
		const struct message_recipient *r = &message_recipients(old)[i];
		bool moved = m->jobs[list[i].next].to != old->jobs[old_jobs[i]].to;
		list[i].reason = r->reason;
		list[i].state = r->state;
		list[i].first_try = r->first_try;
		list[i].last_try = r->last_try;
		if (moved && r->state == RECIPIENT_DEFERRED)
			list[i].state = RECIPIENT_READY;
	}
}

struct message *message_new_rerouted(
    struct scheduler *s, const struct message *old, const struct recipient *recipients)
{
	const struct envelope envelope = {
	    .arrival = old->arrival, .reverse_path = message_sender(old)};
	struct spool_place place = message_place(old);
	uint16_t *jobs = xreallocarray(NULL, old->recipient_count, sizeof(*jobs));
	struct message *m =
	    message_new(s, old->id, &envelope, recipients, old->recipient_count, old->size);
	message_jobs(old, jobs);
	message_set_place(m, &place);
	m->open = old->open;
	m->flags = old->flags;
	m->crashes = old->crashes;
	for (size_t i = 0; i < old->job_count; i++)
		copy_job(m, &old->jobs[i]);
	copy_states(m, old, jobs);
	free(jobs);
	return m;
}

void message_free(struct scheduler *s, struct message *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->job_count; i++)
		scheduler_release(s, &m->jobs[i]);
	free(m);
}

struct message_recipient *message_recipients(const struct message *m)
{
	return (struct message_recipient *)(uintptr_t)(m->jobs + m->job_count);
}

struct message *message_of(const struct job *job)
{
	uintptr_t first = (uintptr_t)(job - job->own.number);
	return (struct message *)(first - offsetof(struct message, jobs));
}

struct str message_sender(const struct message *m)
{
	return get_text(m, 0);
}

struct str message_address(const struct message *m, uint16_t number)
{
	return get_text(m, message_recipients(m)[number].text);
}

struct str message_original(const struct message *m, uint16_t number)
{
	struct str address = message_address(m, number);
	uint32_t at = message_recipients(m)[number].text + (uint32_t)sizeof(uint16_t);
	struct str original = get_text(m, at + (uint32_t)address.n);
	return original.n == 0 ? address : original;
}

/* They lie beside each other, and each has an address of its own. */
bool message_is_expanded(const struct message *m, uint16_t number)
{
	struct str original = message_original(m, number), address = message_address(m, number);
	for (int step = -1; step <= 1; step += 2) {
		int other = number + step;
		if (other < 0 || other >= m->recipient_count)
			continue;
		if (str_eq(message_original(m, (uint16_t)other), original) &&
		    !str_eq(message_address(m, (uint16_t)other), address))
			return true;
	}
	return false;
}

/* --- when it was tried --------------------------------------------------- */

enum { LAST_TRY_MAX = (1 << 23) - 1 };

void message_set_tries(const struct message *m, uint16_t number, uint64_t first, uint64_t last)
{
	struct message_recipient *r = &message_recipients(m)[number];
	uint64_t minutes = first > m->arrival ? (first - m->arrival) / 60000 : 0;
	uint64_t seconds = last > m->arrival ? (last - m->arrival) / 1000 : 0;
	if (last == 0)
		return;
	r->first_try = (uint16_t)(minutes < UINT16_MAX ? minutes : UINT16_MAX);
	r->last_try = (seconds + 1 < LAST_TRY_MAX ? seconds + 1 : LAST_TRY_MAX) & LAST_TRY_MAX;
}

void message_note_try(const struct message *m, uint16_t number, uint64_t wall)
{
	uint64_t first, last;
	message_tries(m, number, &first, &last);
	message_set_tries(m, number, last == 0 ? wall : first, wall);
}

void message_tries(const struct message *m, uint16_t number, uint64_t *first, uint64_t *last)
{
	const struct message_recipient *r = &message_recipients(m)[number];
	bool never = r->last_try == 0;
	*first = never ? 0 : m->arrival + r->first_try * UINT64_C(60000);
	*last = never ? 0 : m->arrival + (r->last_try - 1) * UINT64_C(1000);
	if (*first > *last)
		*first = *last;
}

struct spool_place message_place(const struct message *m)
{
	bool large = (m->flags & MESSAGE_LARGE) != 0;
	return (struct spool_place){.segment = m->segment,
	    .offset = m->offset,
	    .length = m->length,
	    .envelope_length = m->envelope_length,
	    .content_length = m->size,
	    .large = large};
}

void message_set_place(struct message *m, const struct spool_place *place)
{
	m->segment = place->segment;
	m->offset = place->offset;
	m->length = place->length;
	m->envelope_length = place->envelope_length;
	if (place->large)
		m->flags |= MESSAGE_LARGE;
}

/* --- lists of a job's recipients ---------------------------------------- */

static void push(struct message *m, uint16_t *head, uint16_t number)
{
	message_recipients(m)[number].next = *head;
	*head = number;
}

void message_push_ready(struct message *m, struct job *job, uint16_t number)
{
	push(m, &job->own.ready, number);
}

void message_push_deferred(struct message *m, struct job *job, uint16_t number)
{
	push(m, &job->own.deferred, number);
}

/* Backwards, so that lists are in the order of the envelope. */
void message_link(struct message *m)
{
	struct message_recipient *list = message_recipients(m);
	for (size_t i = m->recipient_count; i-- > 0;) {
		struct job *job = &m->jobs[list[i].next];
		if (list[i].state == RECIPIENT_READY)
			message_push_ready(m, job, (uint16_t)i);
		else if (list[i].state == RECIPIENT_DEFERRED)
			message_push_deferred(m, job, (uint16_t)i);
	}
}

/* Takes the list's first; RECIPIENT_NONE when it is empty. */
static uint16_t pop(struct message *m, const struct job *job, uint16_t *head)
{
	uint16_t number = *head;
	if (number == RECIPIENT_NONE)
		return RECIPIENT_NONE;
	struct message_recipient *r = &message_recipients(m)[number];
	*head = r->next;
	r->next = job->own.number;
	return number;
}

size_t message_take_ready(struct message *m, struct job *job, uint16_t *numbers, size_t max)
{
	size_t n = 0;
	while (n < max && job->own.ready != RECIPIENT_NONE)
		numbers[n++] = pop(m, job, &job->own.ready);
	return n;
}

uint16_t message_take_waiting(struct message *m, struct job *job)
{
	uint16_t number = pop(m, job, &job->own.ready);
	return number != RECIPIENT_NONE ? number : pop(m, job, &job->own.deferred);
}

void message_wake(struct message *m, struct job *job)
{
	uint16_t number;
	while ((number = pop(m, job, &job->own.deferred)) != RECIPIENT_NONE) {
		message_recipients(m)[number].state = RECIPIENT_READY;
		message_push_ready(m, job, number);
	}
}

struct job *message_job(struct message *m, uint16_t number)
{
	return &m->jobs[message_recipients(m)[number].next];
}

static void note_list(
    const struct message *m, uint16_t number, const struct job *job, uint16_t *jobs)
{
	for (; number != RECIPIENT_NONE; number = message_recipients(m)[number].next)
		jobs[number] = job->own.number;
}

void message_jobs(const struct message *m, uint16_t *jobs)
{
	const struct message_recipient *list = message_recipients(m);
	for (size_t i = 0; i < m->recipient_count; i++)
		jobs[i] = list[i].next;
	for (size_t i = 0; i < m->job_count; i++) {
		note_list(m, m->jobs[i].own.ready, &m->jobs[i], jobs);
		note_list(m, m->jobs[i].own.deferred, &m->jobs[i], jobs);
	}
}
