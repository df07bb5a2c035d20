/* SPDX-License-Identifier: ISC
 *
 * The content scanner: whatever pieces it gets, it gives and says the same; and of what it gives, a
 * walk over the fields of the whole header finds as many Received, and the same of "TLS-Required:
 * No".
 */
#include "common/buf.h"
#include "common/header.h"
#include "smtpd/content.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DOTS = 1, REPAIR = 2, SMALL = 4, PIECES = 4 };

static const struct content_limits wide = {1 << 20, 1 << 20, 1 << 20};
static const struct content_limits small = {200, 100, 2};

static void fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	abort();
}

/* In pieces of these sizes, over and over. */
static void scan(struct content *c, struct str in, const uint8_t pieces[PIECES], struct buf *kept)
{
	struct str keep;
	for (size_t i = 0; in.n > 0 && c->event == CONTENT_MORE; i++) {
		struct str part = str_head(in, pieces == NULL ? in.n : pieces[i % PIECES] + 1U);
		in = str_skip(in, part.n);
		while (part.n > 0 && c->event == CONTENT_MORE) {
			part = str_skip(part, content_scan(c, part, &keep));
			buf_append_str(kept, keep);
		}
	}
	if (c->dots)
		return;
	do {
		content_finish(c, &keep);
		buf_append_str(kept, keep);
	} while (keep.n > 0);
}

static void compare(const struct content *a, const struct content *b)
{
	if (a->event != b->event)
		fail("another end");
	/* Of two faults either may be the first. */
	if ((a->fault == CONTENT_OK) != (b->fault == CONTENT_OK))
		fail("another fault");
	if (a->size != b->size || a->hops != b->hops || a->long_lines != b->long_lines)
		fail("other figures");
	if (content_is_tls_optional(a) != content_is_tls_optional(b))
		fail("another wish");
}

static struct str trim_all(struct str s)
{
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
		s = str_skip(s, 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
		s.n--;
	return s;
}

/* The scanner takes what continues nothing, and a field without a name, for fields that nobody
 * looks for. */
static bool is_taken_for_one(const struct header_field *f, bool first)
{
	char c = f->whole.p[0];
	return f->name.n > 0 || c == ':' || (first && (c == ' ' || c == '\t'));
}

/* The header ends at a line that is neither a field nor goes on with one. */
static void walk(struct str rest, const struct content *c)
{
	struct header_field f;
	unsigned wishes = 0, hops = 0;
	bool no = false;
	for (bool first = true; header_next(&rest, &f) && is_taken_for_one(&f, first);
	     first = false) {
		hops += str_caseeq(f.name, STR("received"));
		if (!str_caseeq(f.name, STR("tls-required")))
			continue;
		wishes++;
		no = str_caseeq(trim_all(f.value), STR("no"));
	}
	if (hops != c->hops)
		fail("other hops than the walk's");
	if ((wishes == 1 && no) != content_is_tls_optional(c))
		fail("another wish than the walk's");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct content whole, cut;
	struct buf kept = BUF_INIT(2 << 20), kept_cut = BUF_INIT(2 << 20);
	if (size < 1 + PIECES)
		return 0;
	struct str in = str_from(data + 1 + PIECES, size - 1 - PIECES);
	const struct content_limits *limits = data[0] & SMALL ? &small : &wide;
	content_init(&whole, limits, (data[0] & DOTS) != 0, (data[0] & REPAIR) != 0);
	cut = whole;
	scan(&whole, in, NULL, &kept);
	scan(&cut, in, data + 1, &kept_cut);
	compare(&whole, &cut);
	if (!str_eq(buf_str(&kept), buf_str(&kept_cut)))
		fail("another content");
	/* With a line that has no end the two may differ on whether its field is one. */
	if (whole.event == CONTENT_END || (whole.event == CONTENT_MORE && !whole.dots))
		walk(buf_str(&kept), &whole);
	buf_release(&kept);
	buf_release(&kept_cut);
	return 0;
}
