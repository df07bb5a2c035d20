/* SPDX-License-Identifier: ISC
 *
 * What xtext decodes to is printable, and encoded again it decodes to the same.
 */
#include "common/address.h"
#include "common/buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pool *pool = pool_new(1 << 20);
	struct buf encoded = BUF_INIT(4 << 20);
	struct str out;
	struct str again;
	if (xtext_decode(str_from(data, size), pool, &out)) {
		for (size_t i = 0; i < out.n; i++) {
			if (!ascii_is_print(out.p[i]))
				abort();
			buf_printf(&encoded, "+%02X", (unsigned)out.p[i]);
		}
		if (!xtext_decode(buf_str(&encoded), pool, &again) || !str_eq(out, again))
			abort();
	}
	buf_release(&encoded);
	pool_free(pool);
	return 0;
}
