/* SPDX-License-Identifier: ISC
 *
 * Content into a mailbox file and out again by POP3, in pieces: but for LFs without
 * CR, and a line ending missing at the end, it must come back as it was.
 */
#include "common/buf.h"
#include "deliver-local/lf-lines.h"
#include "pop3d/pop3-text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
	if (!fine)
		abort();
}

static void store(struct lf_lines *l, struct str smtp, size_t step, struct buf *file)
{
	lf_lines_init(l);
	for (; smtp.n > 0; smtp = str_skip(smtp, step)) {
		struct str piece = str_head(smtp, step);
		char *to = (char *)buf_reserve(file, piece.n + LF_LINES_SLACK);
		buf_commit(file, lf_lines_put(l, piece.p, piece.n, to));
	}
	char *to = (char *)buf_reserve(file, LF_LINES_END_SLACK);
	buf_commit(file, lf_lines_end(l, to));
}

static void fetch(struct str file, size_t step, struct buf *wire)
{
	struct pop3_text t;
	pop3_text_init(&t, POP3_TEXT_ALL);
	for (; file.n > 0; file = str_skip(file, step)) {
		struct str piece = str_head(file, step);
		char *to = (char *)buf_reserve(wire, 2 * piece.n);
		buf_commit(wire, pop3_text_put(&t, piece.p, piece.n, to));
	}
	char *to = (char *)buf_reserve(wire, POP3_TEXT_END_SLACK);
	buf_commit(wire, pop3_text_end(&t, to));
}

/* `wire` must be `smtp` with its dots stuffed. */
static void compare(struct str smtp, struct str wire)
{
	bool start = true, ended = true;
	size_t at = 0;
	for (size_t i = 0; i < smtp.n; i++) {
		if (start && smtp.p[i] == '.')
			check(at < wire.n && wire.p[at++] == '.');
		check(at < wire.n && wire.p[at++] == smtp.p[i]);
		start = ended = smtp.p[i] == '\n';
	}
	check(str_eq(str_skip(wire, at), ended ? STR(".\r\n") : STR("\r\n.\r\n")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lf_lines l;
	struct buf smtp = BUF_INIT(1 << 20), file = BUF_INIT(1 << 21), wire = BUF_INIT(1 << 22);
	if (size < 1 || size > 100000)
		return 0;
	size_t step = data[0] % 64 + 1U;
	for (size_t i = 1; i < size; i++) {
		if (data[i] == '\n' && (i == 1 || data[i - 1] != '\r'))
			buf_append_u8(&smtp, '\r');
		buf_append_u8(&smtp, data[i]);
	}
	store(&l, buf_str(&smtp), step, &file);
	check(l.octets == buf_len(&file));
	struct pop3_measure m = {.octets = 0};
	pop3_measure_put(&m, (const char *)buf_data(&file), buf_len(&file));
	check(pop3_measure_end(&m) == l.crlf_octets);
	fetch(buf_str(&file), 65 - step, &wire);
	compare(buf_str(&smtp), buf_str(&wire));
	buf_release(&smtp);
	buf_release(&file);
	buf_release(&wire);
	return 0;
}
