/* SPDX-License-Identifier: ISC
 *
 * Checks a spool that nobody has open, and changes nothing: every record that counts is
 * read, every large content is there and has its size.
 */
#include "queue/spool-internal.h"
#include "queue/spool-large.h"
#include "queue/spool-replay.h"

#include "common/mem.h"
#include "common/queue-id.h"

#include <errno.h>
#include <stdlib.h>

enum { POOL_MAX = 64 * 1024 * 1024 };

struct large {
	uint64_t id, size;
};

struct verification {
	struct spool_faults faults;
	struct spool_survey survey;
	struct spool_replay replay;
	struct pool *pool;
	struct large *large;
	size_t large_count, large_capacity;
	struct spool_large_ids finished;
};

static void on_fault(void *ctx, const char *text)
{
	fprintf(ctx, "%s\n", text);
}

static void add_large(struct verification *v, uint64_t id, uint64_t size)
{
	if (v->large_count == v->large_capacity) {
		v->large_capacity = v->large_capacity == 0 ? 64 : v->large_capacity * 2;
		v->large = xreallocarray(v->large, v->large_capacity, sizeof(*v->large));
	}
	v->large[v->large_count++] = (struct large){id, size};
}

static bool is_sound(struct verification *v, const struct spool_record *r, const uint8_t *head)
{
	struct spool_payload_message m;
	struct spool_payload_finish f;
	struct spool_place place;
	struct spool_result *results;
	size_t count;
	switch (r->type) {
	case SPOOL_RECORD_MESSAGE:
		if (!spool_payload_get_place(r, head, 0, 0, &place) ||
		    !spool_payload_get_message(head, r->head, r->version, v->pool, &m))
			return false;
		if (place.large)
			add_large(v, r->id, place.content_length);
		return true;
	case SPOOL_RECORD_RESULTS:
		return spool_payload_get_results(
		    head, r->head, r->version, v->pool, &results, &count);
	case SPOOL_RECORD_FINISH:
		if (r->flags & SPOOL_RECORD_LARGE)
			spool_large_ids_add(&v->finished, r->id);
		return spool_payload_get_finish(head, r->head, &f);
	default:
		return r->type == SPOOL_RECORD_CLOSED;
	}
}

static void on_record(void *ctx, const struct spool_found *f, const struct spool_record *r,
    const uint8_t *head, uint32_t offset)
{
	struct verification *v = ctx;
	if (!is_sound(v, r, head))
		spool_faults_bytes(&v->faults, f->slot, f->sequence, offset, head, r->length,
		    "a record that checks has fields that make no sense");
	pool_reset(v->pool);
}

static void check_large(struct verification *v)
{
	struct spool_io *io = v->faults.io;
	char name[QUEUE_ID_SIZE];
	spool_large_ids_sort(&v->finished);
	for (size_t i = 0; i < v->large_count; i++) {
		const struct large *l = &v->large[i];
		uint64_t size;
		if (spool_large_ids_has(&v->finished, l->id))
			continue;
		queue_id_format(l->id, name);
		int fd = spool_large_open_file(io, l->id);
		if (fd < 0)
			spool_faults_say(&v->faults, "large/%s: missing (errno %d)", name, errno);
		else if (io->size(io, fd, &size) < 0 || size != l->size)
			spool_faults_say(&v->faults, "large/%s: not of %llu octets", name,
			    (unsigned long long)l->size);
		if (fd >= 0)
			io->close(io, fd);
	}
}

static bool on_large_file(void *ctx, const char *name)
{
	struct verification *v = ctx;
	uint64_t id;
	if (!queue_id_parse(str_from_cstr(name), &id))
		spool_faults_file(&v->faults, SPOOL_DIR_LARGE, name, "not a message's content");
	return true;
}

static int verify(struct verification *v)
{
	int error = spool_survey_make(&v->survey, &v->faults);
	if (error != 0)
		return error;
	for (size_t i = 0; i < v->survey.count; i++) {
		bool scanned;
		if (!v->survey.list[i].free)
			spool_replay_segment(&v->replay, i, NULL, &scanned);
	}
	check_large(v);
	return v->faults.io->list(v->faults.io, SPOOL_DIR_LARGE, on_large_file, v) < 0 ? errno : 0;
}

int spool_verify_on(struct spool_io *io, FILE *out)
{
	struct verification v = {.pool = pool_new(POOL_MAX)};
	v.faults = (struct spool_faults){.io = io, .on_fault = on_fault, .ctx = out};
	v.replay = (struct spool_replay){.survey = &v.survey,
	    .faults = &v.faults,
	    .on_record = on_record,
	    .ctx = &v,
	    .thorough = true};
	int error = verify(&v);
	pool_free(v.pool);
	free(v.large);
	spool_large_ids_reset(&v.finished);
	spool_survey_reset(&v.survey);
	errno = error;
	if (error != 0)
		return -1;
	return v.faults.count > 0 ? 1 : 0;
}

int spool_verify(int dirfd, FILE *out)
{
	struct spool_io *io = spool_io_open(dirfd, false);
	if (io == NULL)
		return -1;
	int rc = spool_verify_on(io, out), error = errno;
	io->free(io);
	errno = error;
	return rc;
}
