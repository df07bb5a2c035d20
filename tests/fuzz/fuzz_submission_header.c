/* SPDX-License-Identifier: ISC
 *
 * Any header that a local program writes: what comes out is a header whose lines
 * end in CRLF and have neither NUL nor stray CR, has exactly one empty line, at its
 * end, and keeps no Bcc.
 */
#include "common/submission-header.h"
#include "common/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool on_recipient(void *ctx, struct str address, bool qualified)
{
	(void)ctx;
	(void)qualified;
	if (address.n == 0)
		abort();
	return true;
}

static void check(struct str out)
{
	struct str rest = out;
	struct header_field field;
	for (size_t i = 0; i < out.n; i++) {
		if (out.p[i] == '\0' ||
		    (out.p[i] == '\r' && (i + 1 == out.n || out.p[i + 1] != '\n')) ||
		    (out.p[i] == '\n' && (i == 0 || out.p[i - 1] != '\r')))
			abort();
	}
	if (header_length(out) != out.n)
		abort();
	while (header_next(&rest, &field))
		if (field.name.n == 0 || str_caseeq(field.name, STR("bcc")))
			abort();
	if (!str_eq(rest, STR("\r\n")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = BUF_INIT(4 << 20);
	struct submission_fault fault;
	size_t used = 0;
	struct str in = str_from(data, size);
	const struct submission s = {.origin = STR("o.test"),
	    .sender = STR("s@o.test"),
	    .full_name = str_head(in, 20),
	    .unique = STR("u"),
	    .extract = size % 2 == 0,
	    .on_recipient = on_recipient};
	if (submission_header(&s, in, &out, &used, &fault)) {
		if (used > size)
			abort();
		check(buf_str(&out));
	}
	buf_release(&out);
	return 0;
}
