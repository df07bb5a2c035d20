/* SPDX-License-Identifier: ISC */
#include "queue/spool-stock.h"

#include "common/mem.h"

#include <errno.h>
#include <stdlib.h>

enum { STEP = 1024 * 1024, ZEROS = 64 * 1024, SHUN_UNTIL = 4 };

void spool_stock_init(struct spool_stock *s, struct spool_io *io, const struct spool_options *options,
    uint32_t identity, uint64_t key)
{
	*s = (struct spool_stock){
	    .io = io,
	    .options = *options,
	    .identity = identity,
	    .key = key,
	    .shunned = UINT32_MAX,
	    .making_fd = -1,
	};
}

void spool_stock_reset(struct spool_stock *s)
{
	if (s->making_fd >= 0)
		s->io->close(s->io, s->making_fd);
	free(s->free);
	free(s->used);
	free(s->taken);
	*s = (struct spool_stock){.making_fd = -1};
}

void spool_stock_name(uint32_t slot, char out[SPOOL_SLOT_NAME])
{
	for (int i = SPOOL_SLOT_NAME - 2; i >= 0; i--, slot /= 10)
		out[i] = (char)('0' + slot % 10);
	out[SPOOL_SLOT_NAME - 1] = '\0';
}

bool spool_stock_parse_name(const char *name, uint32_t *slot)
{
	uint64_t n;
	struct str s = str_from_cstr(name);
	if (s.n != SPOOL_SLOT_NAME - 1 || !str_parse_u64(s, SPOOL_SLOTS_MAX - 1, &n))
		return false;
	*slot = (uint32_t)n;
	return true;
}

static void take_number(struct spool_stock *s, uint32_t slot)
{
	if (slot >= s->taken_size) {
		size_t size = spool_record_room(slot + 64);
		s->taken = xreallocarray(s->taken, size, sizeof(*s->taken));
		memset(s->taken + s->taken_size, 0, (size - s->taken_size) * sizeof(*s->taken));
		s->taken_size = size;
	}
	s->taken[slot] = true;
}

static void put_free(struct spool_stock *s, uint32_t slot)
{
	if (s->free_count == s->free_capacity) {
		s->free_capacity = s->free_capacity == 0 ? 8 : s->free_capacity * 2;
		s->free = xreallocarray(s->free, s->free_capacity, sizeof(*s->free));
	}
	s->free[s->free_count++] = slot;
}

void spool_stock_add_free(struct spool_stock *s, uint32_t slot)
{
	take_number(s, slot);
	put_free(s, slot);
	s->octets += s->options.segment_size;
}

static void put_used(struct spool_stock *s, uint32_t slot, uint64_t sequence, uint32_t size)
{
	if (s->used_count == s->used_capacity) {
		s->used_capacity = s->used_capacity == 0 ? 16 : s->used_capacity * 2;
		s->used = xreallocarray(s->used, s->used_capacity, sizeof(*s->used));
	}
	s->used[s->used_count++] = (struct spool_stock_used){sequence, slot, size};
}

void spool_stock_add_used(struct spool_stock *s, uint32_t slot, uint64_t sequence, uint32_t size)
{
	take_number(s, slot);
	put_used(s, slot, sequence, size);
	s->octets += size;
}

/* Whether one more file may be made. */
static int may_make(struct spool_stock *s, bool mail)
{
	uint64_t size = s->options.segment_size, free_space;
	uint64_t max = s->options.spool_max + (mail ? 0 : SPOOL_STOCK_RESERVE * size);
	if (s->making_fd >= 0)
		return 0;
	if (s->options.spool_max != 0 && s->octets + s->large_octets + size > max)
		return ENOSPC;
	if (!mail)
		return 0;
	if (s->io->free_space(s->io, &free_space) < 0)
		return errno;
	return free_space < s->options.space_min + size ? ENOSPC : 0;
}

static uint32_t unused_number(const struct spool_stock *s)
{
	uint32_t slot = 0;
	while (slot < s->taken_size && s->taken[slot])
		slot++;
	return slot;
}

static int begin_making(struct spool_stock *s)
{
	char name[SPOOL_SLOT_NAME];
	for (;;) {
		s->making_slot = unused_number(s);
		if (s->making_slot >= SPOOL_SLOTS_MAX)
			return ENOSPC;
		spool_stock_name(s->making_slot, name);
		s->making_fd =
		    s->io->open(s->io, SPOOL_DIR_SEGMENTS, name, O_RDWR | O_CREAT | O_EXCL);
		if (s->making_fd >= 0)
			break;
		if (errno != EEXIST)
			return errno;
		take_number(s, s->making_slot); /* somebody's; recovery will look at it */
	}
	take_number(s, s->making_slot);
	s->made = 0;
	s->octets += s->options.segment_size;
	return 0;
}

static int write_step(struct spool_stock *s)
{
	static const uint8_t zeros[ZEROS];
	struct iovec iov[STEP / ZEROS];
	uint32_t n = s->options.segment_size - s->made;
	int count = 0;
	n = n < STEP ? n : STEP;
	for (uint32_t left = n; left > 0; count++) {
		uint32_t part = left < ZEROS ? left : ZEROS;
		iov[count] = (struct iovec){(void *)(uintptr_t)zeros, part};
		left -= part;
	}
	int error = spool_io_writev(s->io, s->making_fd, iov, count, s->made);
	s->made += n;
	return error;
}

/* The header makes it a segment that is free, not one whose header was lost. */
static int end_making(struct spool_stock *s)
{
	uint8_t header[SPOOL_HEADER_SIZE];
	spool_segment_put_header(header,
	    &(struct spool_segment_header){
		.identity = s->identity, .key = s->key, .size = s->options.segment_size});
	int error = spool_io_write(s->io, s->making_fd, header, sizeof(header), 0);
	if (error == 0 && s->io->sync_file(s->io, s->making_fd) < 0)
		error = errno;
	if (error == 0 && s->io->sync_dir(s->io, SPOOL_DIR_SEGMENTS) < 0)
		error = errno;
	if (error != 0)
		return error;
	s->io->close(s->io, s->making_fd);
	s->making_fd = -1;
	put_free(s, s->making_slot);
	return 0;
}

static void drop(struct spool_stock *s, uint32_t slot)
{
	char name[SPOOL_SLOT_NAME];
	spool_stock_name(slot, name);
	if (s->io->unlink(s->io, SPOOL_DIR_SEGMENTS, name) == 0)
		s->taken[slot] = false;
}

void spool_stock_abandon(struct spool_stock *s)
{
	if (s->making_fd < 0)
		return;
	s->io->close(s->io, s->making_fd);
	s->making_fd = -1;
	s->octets -= s->options.segment_size;
	drop(s, s->making_slot);
}

static int make_step(struct spool_stock *s, bool mail)
{
	int error = may_make(s, mail);
	if (error == 0 && s->making_fd < 0)
		error = begin_making(s);
	if (error != 0 && s->making_fd < 0)
		return error;
	error = write_step(s);
	if (error == 0 && s->made < s->options.segment_size)
		error = s->io->sync_data(s->io, s->making_fd) < 0 ? errno : 0;
	else if (error == 0)
		error = end_making(s);
	if (error != 0)
		spool_stock_abandon(s);
	return error;
}

static int make_now(struct spool_stock *s, bool mail)
{
	int error = 0;
	do
		error = make_step(s, mail);
	while (error == 0 && s->making_fd >= 0);
	return error;
}

bool spool_stock_wants_step(const struct spool_stock *s)
{
	return s->free_count == 0 || s->making_fd >= 0;
}

int spool_stock_step(struct spool_stock *s)
{
	return make_step(s, true);
}

int spool_stock_may_take(struct spool_stock *s)
{
	return s->free_count >= 2 ? 0 : may_make(s, true);
}

static void remove_free(struct spool_stock *s, size_t i)
{
	memmove(s->free + i, s->free + i + 1, (s->free_count - i - 1) * sizeof(*s->free));
	s->free_count--;
}

static int open_free(struct spool_stock *s, uint32_t slot, int *fd)
{
	char name[SPOOL_SLOT_NAME];
	uint64_t size;
	spool_stock_name(slot, name);
	*fd = s->io->open(s->io, SPOOL_DIR_SEGMENTS, name, O_RDWR);
	if (*fd < 0)
		return errno;
	if (s->io->size(s->io, *fd, &size) == 0 && size == s->options.segment_size)
		return 0;
	s->io->close(s->io, *fd);
	return EINVAL;
}

/* Where a write failed is tried again only when there is nothing else. */
static void avoid_shunned(struct spool_stock *s)
{
	if (s->shunned == UINT32_MAX || s->free_count == 0)
		return;
	if (s->free_count < SHUN_UNTIL && s->free[0] == s->shunned)
		make_now(s, true);
	if (s->free[0] == s->shunned) {
		remove_free(s, 0);
		put_free(s, s->shunned);
	}
}

int spool_stock_take(struct spool_stock *s, bool mail, uint32_t *slot, int *fd)
{
	int error = mail ? spool_stock_may_take(s) : 0;
	if (error != 0)
		return error;
	avoid_shunned(s);
	for (;;) {
		if (s->free_count == 0 && (error = make_now(s, mail)) != 0)
			return error;
		*slot = s->free[0];
		error = open_free(s, *slot, fd);
		if (error != 0 && error != EINVAL && error != ENOENT)
			return error;
		remove_free(s, 0);
		if (error == 0)
			return 0;
		s->octets -= s->options.segment_size; /* somebody changed it; its number stays taken */
	}
}

void spool_stock_use(struct spool_stock *s, uint32_t slot, uint64_t sequence)
{
	put_used(s, slot, sequence, s->options.segment_size);
	s->shunned = UINT32_MAX;
}

void spool_stock_give_back(struct spool_stock *s, uint32_t slot)
{
	put_free(s, slot);
	s->shunned = slot;
}

/* One of another size (the option changed, or it was damaged) is not used again. */
static void free_used(struct spool_stock *s, const struct spool_stock_used *u)
{
	if (u->size == s->options.segment_size && s->free_count < 2 + s->used_count / 10) {
		put_free(s, u->slot);
	} else {
		drop(s, u->slot);
		s->octets -= u->size;
	}
}

void spool_stock_release(struct spool_stock *s, uint64_t tail)
{
	size_t n = 0;
	while (n < s->used_count && s->used[n].sequence < tail)
		free_used(s, &s->used[n++]);
	if (n > 0)
		memmove(s->used, s->used + n, (s->used_count - n) * sizeof(*s->used));
	s->used_count -= n;
}
