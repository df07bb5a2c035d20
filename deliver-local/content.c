/* SPDX-License-Identifier: ISC
 *
 * A message goes through `file_form` block by block and on to a sink, which
 * writes it or compares it with a file. A small one is a single block, converted
 * once behind a gap; the fields of each mailbox are put into that gap, so that the
 * file is written with one call.
 */
#include "deliver-local/content.h"
#include "common/header.h"

#include <errno.h>
#include <unistd.h>

static char smtp_form[CONTENT_BLOCK];
static char file_form[CONTENT_ADDED_MAX + CONTENT_BLOCK + LF_LINES_SLACK + LF_LINES_END_SLACK];
static char *const body_place = file_form + CONTENT_ADDED_MAX;

/* Returns 0 or an errno. */
typedef int sink_fn(void *ctx, const char *p, size_t n);

static bool is_return_path(const struct header_field *f, const char *end, bool last)
{
	const char *after = f->whole.p + f->whole.n;
	/* At the end of a block that is not the last, the field may go on. */
	return str_caseeq(f->name, STR("Return-Path")) && (last || after < end);
}

/* The first block: it begins with the header. */
static size_t put_first(struct lf_lines *l, struct str block, bool last, char *to)
{
	struct str rest = block;
	struct header_field field;
	const char *kept = block.p, *end = block.p + block.n;
	size_t out = 0;
	while (header_next(&rest, &field)) {
		if (!is_return_path(&field, end, last))
			continue;
		out += lf_lines_put(l, kept, (size_t)(field.whole.p - kept), to + out);
		kept = field.whole.p + field.whole.n;
	}
	return out + lf_lines_put(l, kept, (size_t)(end - kept), to + out);
}

void content_from_text(struct content *c, struct str text)
{
	*c = (struct content){.fd = -1};
	lf_lines_init(&c->body);
	text = str_head(text, CONTENT_BLOCK);
	size_t n = text.n == 0 ? 0 : put_first(&c->body, text, true, body_place);
	lf_lines_end(&c->body, body_place + n);
}

void content_from_file(struct content *c, int fd, uint64_t size)
{
	*c = (struct content){.fd = fd, .size = size};
}

/* Reads exactly n octets. */
static int read_block(int fd, uint64_t at, char *to, size_t n)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : EBADMSG;
		to += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int pass_file(const struct content *c, struct lf_lines *l, sink_fn *sink, void *ctx)
{
	uint64_t at = 0;
	int error = 0;
	while (at < c->size && error == 0) {
		uint64_t left = c->size - at;
		size_t n = left < CONTENT_BLOCK ? (size_t)left : CONTENT_BLOCK;
		bool last = n == left;
		error = read_block(c->fd, at, smtp_form, n);
		if (error != 0)
			return error;
		size_t out = at == 0 ? put_first(l, str_from(smtp_form, n), last, body_place)
				     : lf_lines_put(l, smtp_form, n, body_place);
		if (last)
			out += lf_lines_end(l, body_place + out);
		error = sink(ctx, body_place, out);
		at += n;
	}
	return error;
}

/* The whole file through the sink; `l` ends with its sizes. */
static int pass(
    const struct content *c, struct str added, struct lf_lines *l, sink_fn *sink, void *ctx)
{
	char head[CONTENT_ADDED_MAX + LF_LINES_SLACK];
	if (added.n > CONTENT_ADDED_MAX)
		return EMSGSIZE;
	lf_lines_init(l);
	size_t n = lf_lines_put(l, added.p, added.n, head);
	if (c->fd >= 0) {
		int error = sink(ctx, head, n);
		return error != 0 ? error : pass_file(c, l, sink, ctx);
	}
	char *start = body_place - n;
	memcpy(start, head, n);
	l->octets += c->body.octets;
	l->crlf_octets += c->body.crlf_octets;
	return sink(ctx, start, n + (size_t)c->body.octets);
}

static int write_sink(void *ctx, const char *p, size_t n)
{
	const int *to = ctx;
	while (n > 0) {
		ssize_t done = write(*to, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : ENOSPC;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int content_write(const struct content *c, struct str added, int to, struct content_size *size)
{
	struct lf_lines l;
	int error = pass(c, added, &l, write_sink, &to);
	*size = (struct content_size){l.octets, l.crlf_octets};
	return error;
}

static int no_sink(void *ctx, const char *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	return 0;
}

bool content_size(const struct content *c, struct str added, struct content_size *size)
{
	struct lf_lines l;
	if (c->fd >= 0 || pass(c, added, &l, no_sink, NULL) != 0)
		return false;
	*size = (struct content_size){l.octets, l.crlf_octets};
	return true;
}

struct comparison {
	int file;
	bool differs;
};

static int compare_sink(void *ctx, const char *p, size_t n)
{
	struct comparison *cmp = ctx;
	char block[16 * 1024];
	while (n > 0 && !cmp->differs) {
		ssize_t got = read(cmp->file, block, n < sizeof(block) ? n : sizeof(block));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno;
		if (got == 0 || memcmp(p, block, (size_t)got) != 0) {
			cmp->differs = true;
			return ECANCELED;
		}
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int content_compare(const struct content *c, struct str added, int file, bool *same)
{
	struct comparison cmp = {.file = file};
	struct lf_lines l;
	char beyond;
	*same = false;
	int error = pass(c, added, &l, compare_sink, &cmp);
	if (cmp.differs)
		return 0;
	if (error != 0)
		return error;
	ssize_t got = read(file, &beyond, 1);
	*same = got == 0;
	return got < 0 ? errno : 0;
}
