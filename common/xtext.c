/* SPDX-License-Identifier: ISC */
#include "common/address.h"

/* Upper case only, as RFC 3461 has it. */
static int hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool xtext_decode(struct str in, struct pool *pool, struct str *out)
{
	char *to = pool_alloc(pool, in.n + 1);
	size_t n = 0;
	if (to == NULL)
		return false;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (c == '+') {
			int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
			int low = high >= 0 ? hex_value(in.p[i + 2]) : -1;
			if (low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '=' || c == ' ') {
			return false;
		}
		if (!ascii_is_print(c))
			return false;
		to[n++] = c;
	}
	*out = (struct str){to, n};
	return true;
}
