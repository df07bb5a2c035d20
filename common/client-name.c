/* SPDX-License-Identifier: ISC */
#include "common/client-name.h"

void client_name_put(struct buf *b, struct str client)
{
	static const struct str ipv6 = {"[IPv6:", 6}, local = {"local uid ", 10};
	if (str_has_prefix(client, local)) {
		buf_append_str(b, STR("local[uid "));
		buf_append_str(b, str_skip(client, local.n));
		buf_append_str(b, STR("]"));
		return;
	}
	buf_append_str(b, STR("unknown["));
	buf_append_str(b, str_skip(client, str_has_prefix(client, ipv6) ? ipv6.n : 1));
}
