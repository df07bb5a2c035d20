/* SPDX-License-Identifier: ISC
 *
 * A sound spool is changed as the input says, then opened, used, cleaned, closed and opened again.
 * Whatever it finds, it opens, ends, and what it reports it can be asked about. Input: steps of
 * STEP octets: what to do, to which file, where, and a value. A record that was changed
 * can be given a CRC that checks, or the fuzzer would never come past it.
 */
#include "tests/unit/spool-sim.h"

#include "queue/spool-crc.h"
#include "queue/spool-internal.h"
#include "queue/spool-segment.h"
#include "queue/spool-survey.h"

#include "common/log.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENT = 64 * 1024, STEP = 8, STEPS_MAX = 16, MESSAGES = 64, SIZE = 2500, TURNS = 6 };

struct owner {
	struct spool *spool;
	struct {
		uint64_t id; /* 0: none */
		struct spool_place place;
	} list[2 * MESSAGES];
	size_t count;
};

static struct sim base;

static void want(bool ok)
{
	if (!ok)
		abort();
}

static size_t find(const struct owner *o, uint64_t id)
{
	size_t i = 0;
	while (i < o->count && o->list[i].id != id)
		i++;
	return i;
}

static void put(struct owner *o, uint64_t id, const struct spool_place *place)
{
	size_t i = find(o, id);
	if (i == sizeof(o->list) / sizeof(o->list[0]))
		return;
	o->count += i == o->count;
	o->list[i].id = id;
	o->list[i].place = *place;
}

static void on_message(void *ctx, uint64_t id, const struct spool_place *place,
    const struct envelope *e, const struct recipient *r, size_t count)
{
	(void)e, (void)r, (void)count;
	put(ctx, id, place);
}

static void on_result(void *ctx, uint64_t id, const struct spool_result *result)
{
	(void)ctx, (void)id;
	want(result->text.n <= REASON_MAX);
}

static void on_finished(void *ctx, uint64_t id)
{
	struct owner *o = ctx;
	size_t i = find(o, id);
	if (i < o->count)
		o->list[i] = o->list[--o->count];
}

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)tag;
	if (error == 0)
		put(ctx, id, place);
}

static void on_space(void *ctx, bool open, int error)
{
	(void)ctx;
	want(open == (error == 0));
}

static bool is_live(void *ctx, uint64_t id, const struct spool_place *place)
{
	const struct owner *o = ctx;
	size_t i = find(o, id);
	return i < o->count && o->list[i].place.segment == place->segment &&
	       o->list[i].place.offset == place->offset;
}

static bool on_snapshot(
    void *ctx, uint64_t id, struct pool *pool, struct spool_result **results, size_t *count)
{
	(void)ctx, (void)id, (void)pool, (void)results;
	*count = 0;
	return true;
}

static void on_moved(void *ctx, uint64_t id, const struct spool_place *place)
{
	put(ctx, id, place);
}

static void open_it(struct owner *o, struct sim *sim)
{
	static const struct spool_events events = {.on_message = on_message,
	    .on_result = on_result,
	    .on_finished = on_finished,
	    .on_committed = on_committed,
	    .on_space = on_space,
	    .is_live = is_live,
	    .on_snapshot = on_snapshot,
	    .on_moved = on_moved};
	const struct spool_options options = {.segment_size = SEGMENT};
	*o = (struct owner){0};
	o->spool = spool_open_on(sim_io(sim), &options, &events, o, false);
	want(o->spool != NULL);
}

static void submit(struct owner *o)
{
	static const char content[SIZE];
	const struct envelope envelope = {.reverse_path = STR("sender@example.org")};
	const struct recipient r = {
	    .address = STR("rcpt@example.net"), .transport = TRANSPORT_LOCAL};
	spool_submit(o->spool, spool_next_id(o->spool),
	    &(struct spool_message){.envelope = &envelope,
		.recipients = &r,
		.recipient_count = 1,
		.content = {content, sizeof(content)}},
	    NULL);
}

static void finish_first(struct owner *o)
{
	uint64_t id = o->list[0].id;
	struct spool_place place = o->list[0].place;
	on_finished(o, id);
	spool_finish(o->spool, id, &place);
}

static void read_all(struct owner *o)
{
	struct buf buf = BUF_INIT(SEGMENT);
	for (size_t i = 0; i < o->count; i++) {
		struct pool *pool = pool_new(SEGMENT * 4);
		struct envelope e;
		struct recipient *r;
		struct str content;
		size_t count;
		bool ok = spool_read(o->spool, o->list[i].id, &o->list[i].place, &buf, pool, &e, &r,
		    &count, &content);
		want(ok || errno == EBADMSG || errno == ENOBUFS);
		pool_free(pool);
	}
	buf_release(&buf);
}

/* Several segments, one half finished, the last one open, and a clean one before. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct owner o;
	const struct spool_survey who = {.identity = 1, .key = 2};
	(void)argc, (void)argv;
	log_set_fd(open("/dev/null", O_WRONLY));
	sim_init(&base, 1);
	struct spool_io *io = sim_io(&base);
	want(spool_survey_write_identity(&who, io) == 0);
	io->free(io);
	open_it(&o, &base);
	for (int i = 0; i < MESSAGES; i++) {
		submit(&o);
		spool_result(o.spool, o.list[0].id, &o.list[0].place,
		    &(struct spool_result){.outcome = SPOOL_DEFERRED, .text = STR("later")});
		if (i % 3 == 2)
			finish_first(&o);
		spool_turn(o.spool, i % 8 == 7);
	}
	spool_discard(o.spool);
	sim_restart(&base, false);
	return 0;
}

static void restamp(struct sim_file *f, size_t at)
{
	struct spool_record r;
	at &= ~(size_t)(SPOOL_RECORD_ALIGN - 1);
	while (at > 0 && !spool_record_get(f->now + at, f->size - at, &r))
		at -= SPOOL_RECORD_ALIGN;
	if (at == 0)
		return;
	uint8_t seed_of[8] = {0, 0, 0, 0, 0, 0, 0, 2};
	spool_record_stamp(
	    spool_crc(0, seed_of, sizeof(seed_of)), f->now + at, r.sequence, r.batch);
}

static void change_header(struct sim_file *f, uint16_t what, uint8_t value)
{
	struct spool_segment_header h;
	if (!spool_segment_get_header(f->now, &h))
		return;
	h.sequence += what % 5 == 0 ? value : 0;
	h.tail += what % 5 == 1 ? value : 0;
	h.first_batch += what % 5 == 2 ? value : 0;
	h.size = what % 5 == 3 ? h.size - SPOOL_BLOCK * (value % 20) : h.size;
	h.key += what % 5 == 4;
	spool_segment_put_header(f->now, &h);
}

static void change(struct sim *sim, const uint8_t p[STEP])
{
	struct sim_file *f = &sim->files[p[1] % sim->count];
	size_t at = ((size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4]) % (f->size + 1), n = p[6] + 1;
	n = n < f->size - at ? n : f->size - at;
	switch (p[0] % 8) {
	case 0:
		memset(f->now + at, p[5], n);
		break;
	case 1:
		for (size_t i = at; i < at + n; i++)
			f->now[i] ^= p[5];
		break;
	case 2:
		sim_truncate(f, at);
		break;
	case 3:
		f->named = f->named_durably = false;
		break;
	case 4:
		restamp(f, at);
		break;
	case 5:
		if (f->size == SEGMENT)
			change_header(f, p[7], p[5]);
		break;
	case 6: {
		const struct sim_file *from = &sim->files[p[5] % sim->count];
		if (f->size == SEGMENT && from->size == SEGMENT)
			memmove(f->now + at / SIM_SECTOR * SIM_SECTOR / 2, from->now, SEGMENT / 2);
		break;
	}
	default:
		if (sim_find(sim, SPOOL_DIR_SEGMENTS, "00000050") == NULL)
			sim_put(sim, SPOOL_DIR_SEGMENTS, "00000050", f->now, f->size);
	}
}

static void use(struct owner *o)
{
	read_all(o);
	for (int i = 0; i < TURNS; i++) {
		for (int k = 0; k < 3; k++)
			submit(o);
		for (int k = 0; k < 6 && o->count > 0; k++)
			finish_first(o);
		spool_turn(o->spool, true);
	}
	read_all(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct owner o;
	struct sim *sim = sim_copy(&base);
	FILE *nowhere = fopen("/dev/null", "w");
	for (size_t i = 0; i < STEPS_MAX && size >= STEP; i++, data += STEP, size -= STEP)
		change(sim, data);
	struct spool_io *io = sim_io(sim);
	uint64_t before = sim->operations;
	want(nowhere != NULL && spool_verify_on(io, nowhere) >= 0 && sim->operations == before);
	fclose(nowhere);
	io->free(io);
	open_it(&o, sim);
	use(&o);
	if (size % 2 == 0)
		spool_close(o.spool);
	else
		spool_discard(o.spool);
	sim_restart(sim, size % 4 == 3);
	open_it(&o, sim);
	use(&o);
	spool_discard(o.spool);
	sim_free_copy(sim);
	return 0;
}
