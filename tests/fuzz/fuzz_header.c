/* SPDX-License-Identifier: ISC
 *
 * The fields of a header are all of it, in order, and end where header_length says;
 * the writer makes exactly one line.
 */
#include "common/header.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(struct str in)
{
	struct str rest = in;
	struct header_field f;
	size_t octets = 0;
	while (header_next(&rest, &f)) {
		if (f.whole.n == 0 || f.whole.p != in.p + octets)
			abort();
		if (f.name.n > 0 && f.value.n >= f.whole.n)
			abort();
		octets += f.whole.n;
	}
	if (rest.n != in.n - octets)
		abort();
	size_t empty_line = rest.n == 0 ? 0 : rest.p[0] == '\n' ? 1 : 2;
	if (header_length(in) != octets + empty_line)
		abort();
}

static void check_writer(struct str in)
{
	struct buf out = BUF_INIT(1 << 20);
	if (header_put(&out, "X-Name", in)) {
		struct str line = buf_str(&out);
		struct str rest = line;
		struct header_field f;
		if (str_find(line, '\n') != line.n - 1 || str_find(line, '\r') != line.n - 2 ||
		    str_find(line, '\0') != line.n)
			abort();
		if (!header_next(&rest, &f) || rest.n > 0 || !str_eq(f.name, STR("X-Name")))
			abort();
	}
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char date[HEADER_DATE_SIZE];
	uint64_t ms = 0;
	check_fields(str_from(data, size));
	check_writer(str_from(data, size));
	memcpy(&ms, data, size < sizeof(ms) ? size : sizeof(ms));
	header_date(ms, date);
	if (strlen(date) < 28)
		abort();
	return 0;
}
