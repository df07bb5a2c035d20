/* SPDX-License-Identifier: ISC
 *
 * A segment is described by its header; when that is lost, by its footer; when there is
 * none either, by the first record in it that checks.
 */
#include "queue/spool-survey.h"
#include "queue/spool-bytes.h"
#include "queue/spool-identity.h"
#include "queue/spool-stock.h"

#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

struct listing {
	struct spool_survey *survey;
	struct spool_faults *faults;
	struct spool_identity_votes *votes;
	size_t capacity;
	int error;
};

static int open_slot(struct spool_io *io, uint32_t slot)
{
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(slot, name);
	return io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDONLY);
}

uint8_t *spool_survey_read(const struct spool_found *f, struct spool_faults *faults)
{
	struct spool_io *io = faults->io;
	int fd = open_slot(io, f->slot);
	if (fd < 0)
		return NULL;
	/* Room for a header even where the file is shorter. */
	uint8_t *p = xcalloc(1, spool_bytes_round(f->size, SPOOL_BLOCK) + SPOOL_BLOCK);
	int error = spool_io_read(io, fd, p, f->size, 0);
	for (uint32_t at = 0; error != 0 && at < f->size; at += SPOOL_BLOCK) {
		uint32_t n = f->size - at < SPOOL_BLOCK ? f->size - at : SPOOL_BLOCK;
		int e = spool_io_read(io, fd, p + at, n, at);
		if (e == 0)
			continue;
		memset(p + at, 0, n);
		spool_faults_say(faults, "segments/%08u, %u octets at %u: cannot be read (errno %d)",
		    f->slot, n, at, e);
	}
	io->close(io, fd);
	return p;
}

static struct spool_found *add(struct listing *l, const struct spool_found *f)
{
	struct spool_survey *s = l->survey;
	if (s->count == l->capacity) {
		l->capacity = l->capacity == 0 ? 16 : l->capacity * 2;
		s->list = xreallocarray(s->list, l->capacity, sizeof(*s->list));
	}
	s->list[s->count] = *f;
	return &s->list[s->count++];
}

static bool is_our_trouble(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == EACCES;
}

/* Header as far as it can be read; the identity is compared later, when all were asked. */
static bool on_name(void *ctx, const char *name)
{
	struct listing *l = ctx;
	struct spool_io *io = l->faults->io;
	struct spool_found f = {.header_lost = true};
	uint8_t p[SPOOL_HEADER_SIZE] = {0};
	struct spool_segment_header h;
	uint64_t size;
	bool named = spool_stock_parse_name(name, &f.slot);
	int fd = named ? io->open(io, SPOOL_DIR_SEGMENTS, name, O_RDONLY) : -1;
	if (named && fd < 0 && is_our_trouble(errno)) {
		l->error = errno;
		return false;
	}
	if (fd < 0 || io->size(io, fd, &size) < 0 || size > INT32_MAX) {
		spool_faults_file(l->faults, SPOOL_DIR_SEGMENTS, name, "not a segment");
		if (fd >= 0)
			io->close(io, fd);
		return true;
	}
	f.size = f.file_size = (uint32_t)size;
	if (spool_io_read(io, fd, p, sizeof(p), 0) == 0 && spool_segment_get_header(p, &h)) {
		f.header_lost = false;
		f.sequence = h.sequence;
		f.first_batch = h.first_batch;
		f.size = h.size < f.file_size ? h.size : f.file_size;
		f.truncated = f.file_size < h.size;
		f.limit = h.tail; /* until all are known */
		spool_identity_vote(l->votes, f.slot, h.identity, h.key);
	}
	io->close(io, fd);
	add(l, &f);
	return true;
}

static void remove_at(struct spool_survey *s, size_t i)
{
	memmove(&s->list[i], &s->list[i + 1], (s->count - i - 1) * sizeof(*s->list));
	s->count--;
}

static void set_aside(struct spool_survey *s, size_t i, struct spool_faults *faults, const char *what)
{
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(s->list[i].slot, name);
	spool_faults_file(faults, SPOOL_DIR_SEGMENTS, name, what);
	remove_at(s, i);
}

static void remove_foreign(struct spool_survey *s, const struct spool_identity_votes *votes,
    struct spool_faults *faults)
{
	for (size_t i = s->count; i-- > 0;)
		if (!s->list[i].header_lost &&
		    !spool_identity_is_ours(votes, s->list[i].slot, s->identity, s->key))
			set_aside(s, i, faults, "a segment of another spool");
}

/* The low half of a sequence tells the whole, as it is near the greatest one known. */
static uint64_t complete_sequence(uint32_t low, uint64_t near)
{
	uint64_t s = (near & ~(uint64_t)UINT32_MAX) | low;
	if (s > near && s - near > UINT32_MAX / 2 && s > UINT32_MAX)
		s -= (uint64_t)UINT32_MAX + 1;
	else if (near > s && near - s > UINT32_MAX / 2)
		s += (uint64_t)UINT32_MAX + 1;
	return s;
}

static bool all_zeros(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

enum recovered { RECOVERED, BLANK, HOPELESS };

static enum recovered recover_header(const struct spool_survey *s, struct spool_found *f,
    uint64_t near, struct spool_faults *faults)
{
	uint8_t *p = spool_survey_read(f, faults);
	enum recovered result = HOPELESS;
	uint32_t low;
	bool damaged;
	if (p == NULL)
		return HOPELESS;
	const uint8_t *footer = p + f->size - SPOOL_FOOTER_SIZE;
	if (f->size >= 2 * SPOOL_BLOCK && spool_segment_get_footer(s->seed, footer, spool_bytes_get64(footer + 8),
					      f->size, &f->footer, &damaged)) {
		f->sequence = f->footer.sequence;
		f->first_batch = f->footer.first_batch;
		result = RECOVERED;
	} else if (spool_scan_find_sequence(p, f->size, s->seed, &low)) {
		struct spool_scan scan;
		spool_scan_init(&scan, p, f->size, s->seed, low);
		spool_scan_summarise(&scan, &f->summary);
		f->sequence = complete_sequence(low, near);
		f->first_batch = f->summary.first_batch;
		result = RECOVERED;
	} else if (f->size <= SPOOL_HEADER_SIZE ||
		   all_zeros(p + SPOOL_HEADER_SIZE, f->size - SPOOL_HEADER_SIZE)) {
		result = BLANK;
	}
	if (result == RECOVERED)
		spool_faults_bytes(faults, f->slot, f->sequence, 0, p, f->size < SPOOL_BLOCK ? f->size : SPOOL_BLOCK,
		    "the segment's header does not check");
	free(p);
	return result;
}

/* A segment of zeros behind the header is one whose making was interrupted. */
static void recover_headers(struct spool_survey *s, struct spool_faults *faults)
{
	uint64_t near = 0;
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].sequence > near)
			near = s->list[i].sequence;
	for (size_t i = s->count; i-- > 0;) {
		struct spool_found *f = &s->list[i];
		if (!f->header_lost)
			continue;
		switch (recover_header(s, f, near, faults)) {
		case RECOVERED:
			break;
		case BLANK:
			f->sequence = 0;
			f->header_lost = false;
			break;
		default:
			set_aside(s, i, faults, "nothing in this segment checks");
		}
	}
}

static int by_sequence(const void *a, const void *b)
{
	const struct spool_found *x = a, *y = b;
	if (x->sequence != y->sequence)
		return x->sequence < y->sequence ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static void remove_copies(struct spool_survey *s, struct spool_faults *faults)
{
	for (size_t i = s->count; i-- > 1;)
		if (s->list[i].sequence != 0 && s->list[i].sequence == s->list[i - 1].sequence)
			set_aside(s, i, faults, "a copy of another segment");
}

static void raise(uint64_t *to, uint64_t v)
{
	if (v > *to)
		*to = v;
}

static void check_size(const struct spool_found *f, struct spool_faults *faults)
{
	if (f->truncated)
		spool_faults_say(faults, "segments/%08u (sequence %llu): cut off at %u octet%s", f->slot,
		    (unsigned long long)f->sequence, f->file_size, str_plural(f->file_size));
	else if (f->size < f->file_size)
		spool_faults_say(faults, "segments/%08u (sequence %llu): %u octet%s too long", f->slot,
		    (unsigned long long)f->sequence, f->file_size - f->size,
		    str_plural(f->file_size - f->size));
}

/* Footer, or a first reading of what has none. */
static void look_inside(struct spool_survey *s, struct spool_found *f, struct spool_faults *faults)
{
	uint8_t footer[SPOOL_FOOTER_SIZE];
	bool damaged = false;
	int fd = open_slot(faults->io, f->slot);
	check_size(f, faults);
	if (fd >= 0) {
		f->sealed = f->size >= 2 * SPOOL_BLOCK && !f->truncated &&
			    spool_io_read(faults->io, fd, footer, sizeof(footer), f->size - sizeof(footer)) == 0 &&
			    spool_segment_get_footer(s->seed, footer, f->sequence, f->size, &f->footer, &damaged);
		faults->io->close(faults->io, fd);
	}
	if (f->sealed) {
		raise(&s->tail, f->footer.tail);
		return;
	}
	if (damaged)
		spool_faults_say(faults, "segments/%08u (sequence %llu): the footer of its index does not check; "
					 "the segment is read instead", f->slot, (unsigned long long)f->sequence);
	uint8_t *p = spool_survey_read(f, faults);
	if (p == NULL)
		return;
	struct spool_scan scan;
	spool_scan_init(&scan, p, f->size, s->seed, (uint32_t)f->sequence);
	spool_scan_summarise(&scan, &f->summary);
	raise(&s->tail, f->summary.tail);
	free(p);
}

static void find_tail(struct spool_survey *s, struct spool_faults *faults)
{
	s->tail = 1;
	for (size_t i = 0; i < s->count; i++)
		if (!s->list[i].header_lost)
			raise(&s->tail, s->list[i].limit);
	for (size_t i = s->count; i-- > 0;)
		if (s->list[i].sequence >= s->tail)
			look_inside(s, &s->list[i], faults);
	uint64_t limit = UINT64_MAX;
	for (size_t i = s->count; i-- > 0;) {
		struct spool_found *f = &s->list[i];
		f->limit = limit;
		f->free = f->sequence < s->tail;
		if (!f->free && f->first_batch != 0 && f->first_batch < limit)
			limit = f->first_batch;
	}
}

int spool_survey_make(struct spool_survey *s, struct spool_faults *faults)
{
	struct spool_identity_votes votes = {0};
	struct listing l = {.survey = s, .faults = faults, .votes = &votes};
	*s = (struct spool_survey){0};
	int error = faults->io->list(faults->io, SPOOL_DIR_SEGMENTS, on_name, &l) < 0 ? errno : l.error;
	if (error == 0)
		error = spool_identity_find(s, &votes, faults);
	if (error == 0) {
		remove_foreign(s, &votes, faults);
		recover_headers(s, faults);
		if (s->count > 0)
			qsort(s->list, s->count, sizeof(*s->list), by_sequence);
		remove_copies(s, faults);
		find_tail(s, faults);
	}
	spool_identity_votes_reset(&votes);
	return error;
}

void spool_survey_reset(struct spool_survey *s)
{
	free(s->list);
	s->list = NULL;
	s->count = 0;
}
