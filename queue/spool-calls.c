/* SPDX-License-Identifier: ISC
 *
 * What the spool's owner calls between opening and closing.
 */
#include "queue/spool-internal.h"
#include "queue/spool-large.h"

#include "common/mem.h"

#include <errno.h>

uint32_t spool_identity(const struct spool *spool)
{
	return spool->identity;
}

uint64_t spool_next_id(struct spool *spool)
{
	uint64_t now = spool->io->wall_us(spool->io);
	spool->last_id = now > spool->last_id ? now : spool->last_id + 1;
	return spool->last_id;
}

static void refuse(struct spool *spool, void *tag, uint64_t id, int error)
{
	if (spool->refusal_count == spool->refusal_capacity) {
		spool->refusal_capacity = spool->refusal_capacity == 0 ? 16 : spool->refusal_capacity * 2;
		spool->refusals =
		    xreallocarray(spool->refusals, spool->refusal_capacity, sizeof(*spool->refusals));
	}
	spool->refusals[spool->refusal_count++] = (struct spool_refusal){tag, id, error};
	if (!spool->soon && spool->loop != NULL)
		spool_loop_soon(spool->loop);
	spool->soon = true;
}

/* Room for a large file of that size beside what there is. */
static int large_error(const struct spool *spool, uint64_t size)
{
	uint64_t max = spool->options.spool_max, used = spool->report.octets + spool->large_octets;
	return max != 0 && (used > max || size > max - used) ? ENOSPC : 0;
}

void spool_submit(struct spool *spool, uint64_t id, const struct spool_message *m, void *tag)
{
	/* With the fifth part left for the results that may go along when it is moved. */
	size_t record_max = spool_append_capacity(spool->options.segment_size) / 5 * 2;
	int error = spool->space_error;
	if (error == 0 && m->large)
		error = large_error(spool, m->large_size);
	if (error == 0) {
		struct spool_batch *b = spool_filling(spool);
		size_t before = buf_len(&b->records);
		error = spool_batch_add_message(b, id, m, tag, record_max);
		spool->taken += buf_len(&b->records) - before;
	}
	if (error == 0) {
		spool->large_octets += m->large ? m->large_size : 0;
		spool_filled(spool);
		return;
	}
	if (m->large)
		spool_large_remove(spool->io, id);
	refuse(spool, tag, id, error);
}

void spool_result(struct spool *spool, uint64_t id, const struct spool_place *place,
    const struct spool_result *result)
{
	(void)place;
	struct spool_batch *b = spool_filling(spool);
	size_t before = buf_len(&b->records);
	if (!spool_batch_add_result(b, id, result))
		return; /* too much waits for a disk that takes nothing: a repeated try */
	spool->taken += buf_len(&b->records) - before;
	spool_filled(spool);
}

void spool_finish(struct spool *spool, uint64_t id, const struct spool_place *place)
{
	bool under_way = spool_clean_on_finish(spool, id, place);
	struct spool_segment *s = spool_table_find(&spool->table, place->segment);
	spool_table_count_out(&spool->table, s, spool_record_room(place->length));
	spool_batch_add_finish(spool_filling(spool), id, place, s != NULL && !under_way ? s->sequence : 0);
	if (place->large)
		spool_large_less(spool, place->content_length);
	spool_filled(spool);
}

void spool_large_less(struct spool *spool, uint64_t octets)
{
	spool->large_octets -= octets < spool->large_octets ? octets : spool->large_octets;
}

int spool_large_create(struct spool *spool, uint64_t id)
{
	uint64_t free_space;
	int error = spool->space_error != 0 ? spool->space_error : large_error(spool, 0);
	if (error == 0 && spool->io->free_space(spool->io, &free_space) == 0 &&
	    free_space < spool->options.space_min)
		error = ENOSPC;
	if (error == 0)
		return spool_large_make(spool->io, id);
	errno = error;
	return -1;
}

void spool_large_abandon(struct spool *spool, uint64_t id)
{
	spool_large_remove(spool->io, id);
}

int spool_large_open(struct spool *spool, uint64_t id)
{
	return spool_large_open_file(spool->io, id);
}

void spool_get_figures(const struct spool *spool, struct spool_figures *out)
{
	*out = (struct spool_figures){
	    .segments = spool->report.in_use,
	    .free_segments = spool->report.free_segments,
	    .octets = spool->report.octets,
	    .live = spool->table.live,
	    .syncs = spool->report.figures.syncs,
	    .commits = spool->commits,
	    .written = spool->report.figures.written,
	    .moved = spool->moved,
	};
}
