/* SPDX-License-Identifier: ISC
 *
 * Whatever strings a notice is made of: its lines are whole and short, its header has the
 * fields of a notice and no other, it has as many parts as it should, and the status part
 * names each recipient once.
 */
#include "common/header.h"
#include "queue/dsn-text.h"
#include "queue/dsn.h"
#include "queue/templates.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct templates templates;

/* Pieces of the input, each ended by a 0xff. */
static struct str take(struct str *rest)
{
	struct str piece = str_head(*rest, str_find(*rest, (char)0xff));
	*rest = str_skip(*rest, piece.n + 1);
	return piece;
}

static size_t count(struct str s, const char *what)
{
	size_t n = 0, length = strlen(what);
	for (const char *p = s.p; p != NULL && s.n >= length;) {
		p = memmem(p, s.n - (size_t)(p - s.p), what, length);
		if (p == NULL)
			break;
		n++;
		p += length;
	}
	return n;
}

static void check_lines(struct str s)
{
	while (s.n > 0) {
		size_t n = str_find(s, '\n');
		if (n == s.n || n == 0 || n > DSN_LINE_MAX + 1 || s.p[n - 1] != '\r')
			abort();
		struct str line = str_head(s, n - 1);
		if (str_find(line, '\r') < line.n || str_find(line, '\0') < line.n)
			abort();
		s = str_skip(s, n + 1);
	}
}

static struct str check_header(struct str s, struct str *boundary)
{
	static const char *const names[] = {"Date", "From", "To", "Subject", "Message-ID",
	    "References", "Auto-Submitted", "TLS-Required", "MIME-Version", "Content-Type",
	    "Content-Transfer-Encoding"};
	struct header_field f;
	size_t next = 0;
	struct str rest = s;
	while (header_next(&rest, &f)) {
		while (next < sizeof(names) / sizeof(names[0]) &&
		       !str_eq(f.name, str_from_cstr(names[next])))
			next++;
		if (next++ == sizeof(names) / sizeof(names[0]))
			abort();
		size_t at = str_find(f.value, '"');
		if (str_eq(f.name, STR("Content-Type")))
			*boundary = str_head(str_skip(f.value, at + 1),
			    str_find(str_skip(f.value, at + 1), '"'));
	}
	return rest;
}

static void check(const struct dsn *d, struct str s)
{
	struct str boundary = {NULL, 0};
	char mark[128];
	check_lines(s);
	struct str body = check_header(s, &boundary);
	if (boundary.n == 0 || boundary.n > 70)
		abort();
	memcpy(mark, "\r\n--", 4);
	memcpy(mark + 4, boundary.p, boundary.n);
	mark[4 + boundary.n] = '\0';
	if (count(body, mark) != (d->content.n > 0 ? 4 : 3))
		abort();
	struct str part = body;
	for (int i = 0; i < 2; i++) { /* to the second part */
		const char *start = memmem(part.p, part.n, mark, strlen(mark));
		part = str_skip(part, (size_t)(start - part.p) + strlen(mark));
	}
	const char *end = memmem(part.p, part.n, mark, strlen(mark));
	part = str_head(part, (size_t)(end - part.p));
	if (count(part, "\r\nAction: ") != d->count ||
	    count(part, "\r\nStatus: ") != d->count || count(part, "\r\n\r\n") != d->count + 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from(data, size);
	struct buf out = BUF_INIT(4 << 20);
	struct dsn_recipient list[3];
	uint16_t flags;
	if (size < 4)
		return 0;
	if (templates.list[0] == NULL)
		templates_load(&templates, NULL, NULL, NULL);
	struct dsn d = {.text = templates.list[data[0] % DSN_KINDS],
	    .recipients = list,
	    .count = 1 + data[1] % 3,
	    .whole = (data[2] & 1) != 0,
	    .smtputf8 = (data[2] & 2) != 0,
	    .tls_optional = (data[2] & 4) != 0,
	    .id = 1u << 20,
	    .about = data[3]};
	in = str_skip(in, 4);
	d.hostname = take(&in);
	d.postmaster = take(&in);
	d.to = take(&in);
	d.sender = take(&in);
	d.envid = take(&in);
	for (size_t i = 0; i < d.count; i++) {
		list[i] = (struct dsn_recipient){
		    .address = take(&in), .action = (enum dsn_action)(data[3] % 5)};
		list[i].original = take(&in);
		list[i].orcpt = take(&in);
		list[i].why.status = take(&in);
		list[i].why.mta = take(&in);
		list[i].why.reply = take(&in);
		list[i].why.text = take(&in);
	}
	d.content = in;
	if (dsn_put(&d, &out, &flags))
		check(&d, buf_str(&out));
	buf_release(&out);
	return 0;
}
