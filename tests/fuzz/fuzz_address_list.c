/* SPDX-License-Identifier: ISC
 *
 * Any list of addresses: every address that comes out lies in order inside the
 * input and has no line end in it; and giving one its domain where the parser says,
 * gives back a list with the same addresses, all complete.
 */
#include "common/address-list.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input with "@d" at every place that wants a domain. False when the list has a fault. */
static bool complete(struct str in, struct buf *out, size_t *count)
{
	struct address_list list;
	struct address_list_item item;
	size_t done = 0;
	*count = 0;
	address_list_init(&list, in);
	while (address_list_next(&list, &item)) {
		if (item.end < done || item.end > in.n || item.address.n == 0)
			abort();
		if (memchr(item.address.p, '\n', item.address.n) != NULL ||
		    memchr(item.address.p, '\r', item.address.n) != NULL)
			abort();
		(*count)++;
		if (item.qualified)
			continue;
		buf_append(out, in.p + done, item.end - done);
		buf_append_str(out, STR("@d"));
		done = item.end;
	}
	buf_append_str(out, str_skip(in, done));
	address_list_release(&list);
	return list.fault == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_INIT(1 << 20), twice = BUF_INIT(1 << 20);
	size_t first, second;
	if (complete(str_from(data, size), &once, &first)) {
		if (complete(buf_str(&once), &twice, &second) &&
		    (first != second || !str_eq(buf_str(&once), buf_str(&twice))))
			abort();
	}
	buf_release(&once);
	buf_release(&twice);
	return 0;
}
