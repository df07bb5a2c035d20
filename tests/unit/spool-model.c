/* SPDX-License-Identifier: ISC */
#include "spool-model.h"

#include "common/mem.h"
#include "common/queue-id.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONTENT_MAX = 1024 * 1024 };

bool model_is_live(const struct model_message *msg)
{
	return msg->state == MODEL_COMMITTED;
}

void model_note(const char *what, uint64_t n)
{
	if (getenv("SPOOL_TRACE") != NULL)
		fprintf(stderr, "%s %llu\n", what, (unsigned long long)n);
}

static struct model_message *find(struct model *m, uint64_t id)
{
	size_t low = 0, high = m->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (m->messages[middle].id == id)
			return &m->messages[middle];
		if (m->messages[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- What a message is made of, from its id alone --- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static void fill(uint8_t *p, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = mix(id * 31 + i);
		memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
}

static char text[MODEL_RECIPIENTS + 2][64];

static void make_envelope(const struct model_message *msg, struct envelope *e, struct recipient *r)
{
	*e = (struct envelope){.arrival = msg->id / 1000, .token = mix(msg->id)};
	snprintf(text[0], sizeof(text[0]), "sender-%llu@example.org", (unsigned long long)msg->id);
	e->reverse_path = str_from_cstr(text[0]);
	e->client = STR("[192.0.2.1]");
	e->helo = STR("client.example.org");
	for (uint16_t i = 0; i < msg->recipients; i++) {
		snprintf(text[i + 1], sizeof(text[0]), "rcpt-%u-%llu@example.net", i, (unsigned long long)msg->id);
		r[i] = (struct recipient){.address = str_from_cstr(text[i + 1]),
		    .original = str_from_cstr(text[i + 1]),
		    .transport = TRANSPORT_LOCAL};
	}
}

static void check_envelope(const struct model_message *msg, const struct envelope *e,
    const struct recipient *r, size_t count)
{
	struct envelope want;
	struct recipient recipients[MODEL_RECIPIENTS];
	make_envelope(msg, &want, recipients);
	ck_assert(str_eq(e->reverse_path, want.reverse_path));
	ck_assert(str_eq(e->helo, want.helo));
	ck_assert_uint_eq(e->token, want.token);
	ck_assert_uint_eq(count, msg->recipients);
	for (size_t i = 0; i < count; i++)
		ck_assert(str_eq(r[i].address, recipients[i].address));
}

/* --- Callbacks --- */

static void on_message(void *ctx, uint64_t id, const struct spool_place *place,
    const struct envelope *e, const struct recipient *r, size_t count)
{
	struct model *m = ctx;
	struct model_message *msg = find(m, id);
	ck_assert_msg(m->opening, "a message is told outside of the opening");
	ck_assert_msg(msg != NULL, "a message that was never submitted");
	check_envelope(msg, e, r, count);
	msg->seen = true;
	msg->place = *place;
	memset(msg->told, 0, sizeof(msg->told));
}

static void forget_strings(struct spool_result *r)
{
	r->status.p = r->mta.p = r->reply.p = r->text.p = NULL;
}

static void on_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	struct model *m = ctx;
	struct model_message *msg = find(m, id);
	ck_assert(m->opening && msg != NULL && result->number < msg->recipients);
	msg->told[result->number] = *result;
	forget_strings(&msg->told[result->number]);
}

static void on_finished(void *ctx, uint64_t id)
{
	struct model *m = ctx;
	struct model_message *msg = find(m, id);
	ck_assert(m->opening && msg != NULL);
	msg->finished = true;
}

static void on_damage(void *ctx, const char *what)
{
	struct model *m = ctx;
	m->damages++;
	size_t n = strlen(m->said);
	snprintf(m->said + n, sizeof(m->said) - n, "%s\n", what);
	if (getenv("SPOOL_TRACE") != NULL)
		fprintf(stderr, "damage %s\n", what);
}

static void on_committed(void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	struct model *m = ctx;
	struct model_message *msg = find(m, id);
	ck_assert_ptr_eq(tag, (void *)(uintptr_t)id);
	ck_assert(msg != NULL && msg->state == MODEL_SUBMITTED);
	m->answered++;
	model_note(error == 0 ? "committed" : "refused", id);
	if (error != 0) {
		msg->state = m->space_error != 0 ? MODEL_UNSURE : MODEL_REFUSED;
		m->refused++;
		return;
	}
	m->committed++;
	msg->state = MODEL_COMMITTED;
	msg->place = *place;
	ck_assert_uint_eq(place->large, msg->large);
	ck_assert_uint_eq(place->content_length, msg->size);
	if (msg->stamp > m->durable)
		m->durable = msg->stamp;
}

static void on_space(void *ctx, bool open, int error)
{
	struct model *m = ctx;
	ck_assert_int_ne(open, error != 0);
	m->space_error = error;
	for (size_t i = 0; open && i < m->count; i++)
		if (m->messages[i].state == MODEL_UNSURE)
			m->messages[i].state = MODEL_REFUSED;
}

static bool is_live(void *ctx, uint64_t id, const struct spool_place *place)
{
	const struct model_message *msg = find(ctx, id);
	return msg != NULL && model_is_live(msg) && msg->place.segment == place->segment &&
	       msg->place.offset == place->offset;
}

static bool on_snapshot(void *ctx, uint64_t id, struct pool *pool, struct spool_result **results, size_t *count)
{
	const struct model_message *msg = find(ctx, id);
	struct spool_result last[MODEL_RECIPIENTS] = {0};
	ck_assert_ptr_nonnull(msg);
	for (size_t i = 0; i < msg->history_count; i++)
		last[msg->history[i].result.number] = msg->history[i].result;
	*results = pool_array(pool, MODEL_RECIPIENTS, sizeof(**results));
	*count = 0;
	for (size_t i = 0; i < MODEL_RECIPIENTS; i++)
		if (last[i].outcome != 0)
			(*results)[(*count)++] = last[i];
	return true;
}

static void on_moved(void *ctx, uint64_t id, const struct spool_place *place)
{
	struct model *m = ctx;
	struct model_message *msg = find(m, id);
	ck_assert(msg != NULL && model_is_live(msg));
	model_note("moved", id);
	msg->place = *place;
	m->moved++;
}

static const struct spool_events events = {
    .on_message = on_message,
    .on_result = on_result,
    .on_finished = on_finished,
    .on_damage = on_damage,
    .on_committed = on_committed,
    .on_space = on_space,
    .is_live = is_live,
    .on_snapshot = on_snapshot,
    .on_moved = on_moved,
};

/* --- After an opening --- */

static bool result_eq(const struct spool_result *a, const struct spool_result *b)
{
	return a->outcome == b->outcome && (a->outcome == 0 || (a->next_try == b->next_try &&
	       a->attempts == b->attempts && a->status.n == b->status.n && a->mta.n == b->mta.n &&
	       a->reply.n == b->reply.n && a->text.n == b->text.n));
}

/* What was told is the state after some of the history: at least all that was durable. Cuts the
 * history there. */
static bool matches_history(struct model *m, struct model_message *msg)
{
	struct spool_result state[MODEL_RECIPIENTS] = {0};
	for (size_t n = 0;; n++) {
		bool enough = n == msg->history_count || msg->history[n].stamp > m->durable;
		bool equal = true;
		for (size_t i = 0; i < MODEL_RECIPIENTS; i++)
			equal = equal && result_eq(&state[i], &msg->told[i]);
		if (enough && equal) {
			msg->history_count = n;
			return true;
		}
		if (n == msg->history_count)
			return false;
		state[msg->history[n].result.number] = msg->history[n].result;
	}
}

static void check_told(struct model *m, struct model_message *msg)
{
	bool there = msg->seen && !msg->finished;
	switch (msg->state) {
	case MODEL_COMMITTED:
		ck_assert_msg(there || msg->doubtful || m->may_lose, "message %llu is lost", (unsigned long long)msg->id);
		break;
	case MODEL_FINISHING:
		ck_assert_msg(!there || msg->stamp > m->durable || m->may_lose,
		    "message %llu was finished and is there again", (unsigned long long)msg->id);
		break;
	case MODEL_SUBMITTED:
	case MODEL_UNSURE:
		break;
	case MODEL_LOST:
		break;
	default:
		ck_assert_msg(!there || m->may_lose, "message %llu in state %d is there", (unsigned long long)msg->id,
		    (int)msg->state);
	}
	if (there && !m->may_lose)
		ck_assert_msg(matches_history(m, msg), "message %llu: wrong results", (unsigned long long)msg->id);
	bool lost = msg->state == MODEL_COMMITTED && !there && !msg->doubtful;
	bool finishing = msg->state == MODEL_FINISHING && !there && m->owing && msg->stamp > m->durable;
	bool answered = msg->state == MODEL_COMMITTED || msg->state == MODEL_FINISHING;
	msg->doubtful = there && m->owing && (!answered || msg->doubtful);
	if (finishing)
		return;
	msg->state = there ? MODEL_COMMITTED : lost ? MODEL_LOST : MODEL_GONE;
	if (!there)
		msg->history_count = 0;
}

/* Nothing is owed any more, if so. */
static void check_owing(struct model *m)
{
	m->owing = m->spool->writer.owed.p != NULL;
	for (size_t i = 0; !m->owing && i < m->count; i++)
		m->messages[i].doubtful = false;
}

void model_open(struct model *m)
{
	for (size_t i = 0; i < m->count; i++)
		m->messages[i].seen = m->messages[i].finished = false;
	m->opening = true;
	m->space_error = 0;
	m->spool = spool_open_on(sim_io(m->sim), &m->options, &events, m, false);
	m->opening = false;
	ck_assert_msg(m->spool != NULL, "the spool does not open: %s", strerror(errno));
	m->owing = m->spool->writer.owed.p != NULL;
	for (size_t i = 0; i < m->count; i++)
		check_told(m, &m->messages[i]);
	if (!m->owing)
		m->durable = m->stamp++; /* all that was told is on disk */
	for (size_t i = 0; i < m->count; i++)
		ck_assert_uint_le(m->messages[i].id, spool_next_id(m->spool));
}

static void ignore_message(void *ctx, uint64_t id, const struct spool_place *place,
    const struct envelope *e, const struct recipient *r, size_t count)
{
	(void)ctx, (void)id, (void)place, (void)e, (void)r, (void)count;
}

static void ignore_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	(void)ctx, (void)id, (void)result;
}

static void ignore_finished(void *ctx, uint64_t id)
{
	(void)ctx, (void)id;
}

void model_open_dying(struct model *m)
{
	static const struct spool_events deaf = {
	    .on_message = ignore_message, .on_result = ignore_result, .on_finished = ignore_finished};
	struct spool *spool = spool_open_on(sim_io(m->sim), &m->options, &deaf, NULL, false);
	if (spool != NULL)
		spool_discard(spool);
}

void model_close(struct model *m)
{
	bool healthy = m->space_error == 0 && !m->sim->dead && m->sim->fail_in == 0 && m->sim->fail_count == 0;
	spool_close(m->spool);
	m->spool = NULL;
	for (size_t i = 0; i < m->count; i++)
		ck_assert_msg(m->messages[i].state != MODEL_SUBMITTED, "a message was not answered");
	if (healthy && m->space_error == 0)
		m->durable = m->stamp++;
	sim_restart(m->sim, false);
}

void model_crash(struct model *m, bool power_cut)
{
	spool_discard(m->spool);
	m->spool = NULL;
	sim_restart(m->sim, power_cut);
}

void model_init(struct model *m, struct sim *sim, uint32_t segment_size)
{
	*m = (struct model){.sim = sim, .options = {.segment_size = segment_size}};
}

void model_reset(struct model *m)
{
	if (m->spool != NULL)
		spool_discard(m->spool);
	free(m->messages);
	*m = (struct model){0};
}

/* --- What the owner does --- */

static uint8_t content[CONTENT_MAX];

static bool write_large(struct model *m, const struct model_message *msg)
{
	int fd = spool_large_create(m->spool, msg->id);
	if (fd < 0)
		return false;
	fill(content, msg->size, msg->id);
	int error = spool_io_write(m->spool->io, fd, content, msg->size, 0);
	m->spool->io->close(m->spool->io, fd);
	if (error == 0)
		return true;
	spool_large_abandon(m->spool, msg->id);
	return false;
}

struct model_message *model_submit(struct model *m, uint32_t size, uint16_t recipients, bool large)
{
	if (m->count == m->capacity) {
		m->capacity = m->capacity == 0 ? 64 : m->capacity * 2;
		m->messages = xreallocarray(m->messages, m->capacity, sizeof(*m->messages));
	}
	struct model_message *msg = &m->messages[m->count++];
	*msg = (struct model_message){.id = spool_next_id(m->spool),
	    .stamp = m->stamp++,
	    .recipients = recipients,
	    .size = size,
	    .large = large};
	struct envelope e;
	struct recipient r[MODEL_RECIPIENTS];
	make_envelope(msg, &e, r);
	if (large && !write_large(m, msg)) {
		msg->state = MODEL_REFUSED;
		return msg;
	}
	fill(content, size, msg->id);
	const struct spool_message sm = {.envelope = &e,
	    .recipients = r,
	    .recipient_count = recipients,
	    .content = large ? (struct str){NULL, 0} : str_from(content, size),
	    .large = large,
	    .large_size = large ? size : 0};
	unsigned answered = m->answered;
	spool_submit(m->spool, msg->id, &sm, (void *)(uintptr_t)msg->id);
	ck_assert_uint_eq(m->answered, answered);
	return msg;
}

void model_give_result(struct model *m, struct model_message *msg)
{
	static const char filler[] = "250 2.0.0 what the other server had to say about this recipient";
	if (msg->history_count == MODEL_HISTORY)
		return;
	uint64_t x = mix(m->stamp);
	struct model_result *h = &msg->history[msg->history_count++];
	h->stamp = m->stamp++;
	h->result = (struct spool_result){.number = (uint16_t)(x % msg->recipients),
	    .outcome = (uint8_t)(SPOOL_DELIVERED + x / 16 % SPOOL_WARNED),
	    .next_try = x,
	    .attempts = (uint32_t)m->stamp,
	    .status = str_from(filler + 4, x / 64 % 2 * 5),
	    .mta = str_from(filler, x / 128 % 3),
	    .reply = str_from(filler, x / 512 % sizeof(filler)),
	    .text = str_from(filler, x / 256 % sizeof(filler))};
	spool_result(m->spool, msg->id, &msg->place, &h->result);
}

void model_finish(struct model *m, struct model_message *msg)
{
	model_note("finish", msg->id);
	msg->state = MODEL_FINISHING;
	msg->stamp = m->stamp++;
	spool_finish(m->spool, msg->id, &msg->place);
}

void model_turn(struct model *m, bool second)
{
	struct sim *s = m->sim;
	uint64_t before = m->stamp++;
	if (second)
		s->us += 1000000;
	spool_turn(m->spool, second);
	check_owing(m);
	/* Everything waited at most a second; what could be written is. */
	if (second && m->space_error == 0 && !s->dead && s->fail_in == 0 && s->fail_count == 0)
		m->durable = before;
	for (size_t i = 0; m->durable >= before && i < m->count; i++)
		if (m->messages[i].state == MODEL_FINISHING && m->messages[i].stamp <= m->durable)
			m->messages[i].state = MODEL_GONE;
}

struct model_message *model_pick(struct model *m, uint64_t random)
{
	for (size_t i = 0; i < m->count; i++) {
		struct model_message *msg = &m->messages[(random + i) % m->count];
		if (model_is_live(msg))
			return msg;
	}
	return NULL;
}

static void check_large(struct model *m, const struct model_message *msg, const uint8_t *want)
{
	uint8_t *got = xmalloc(msg->size + 1);
	uint64_t size;
	struct spool_io *io = m->spool->io;
	int fd = spool_large_open(m->spool, msg->id);
	ck_assert_msg(fd >= 0, "no large file");
	ck_assert_int_eq(io->size(io, fd, &size), 0);
	ck_assert_uint_eq(size, msg->size);
	ck_assert_int_eq(spool_io_read(io, fd, got, msg->size, 0), 0);
	ck_assert_int_eq(memcmp(got, want, msg->size), 0);
	io->close(io, fd);
	free(got);
}

void model_check_content(struct model *m, struct model_message *msg)
{
	struct buf buf = BUF_INIT(CONTENT_MAX * 2);
	struct pool *pool = pool_new(CONTENT_MAX);
	struct envelope e;
	struct recipient *r;
	struct str got;
	size_t count;
	bool ok = spool_read(m->spool, msg->id, &msg->place, &buf, pool, &e, &r, &count, &got);
	if (!ok && m->may_lose && errno == EBADMSG) {
		msg->state = MODEL_LOST;
	} else {
		ck_assert_msg(ok, "message %llu cannot be read: %s", (unsigned long long)msg->id, strerror(errno));
		check_envelope(msg, &e, r, count);
		fill(content, msg->size, msg->id);
		if (msg->large)
			check_large(m, msg, content);
		else
			ck_assert(str_eq(got, str_from(content, msg->size)));
	}
	buf_release(&buf);
	pool_free(pool);
}

void model_check_all(struct model *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (model_is_live(&m->messages[i]))
			model_check_content(m, &m->messages[i]);
}
