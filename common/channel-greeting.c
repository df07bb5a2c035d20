/* SPDX-License-Identifier: ISC
 *
 * The first packet each way: which edge, which version, which side speaks.
 */
#include "common/channel-internal.h"

void channel_put_greeting(struct wire_writer *w, const void *v)
{
	const struct edge_side *side = v;
	wire_put_str(w, str_from_cstr(side->edge), 64);
	wire_put_u16(w, side->version);
	wire_put_u8(w, side->server);
}

bool channel_greeting_fits(const struct edge_side *side, struct wire_reader *r)
{
	struct str edge = wire_get_str(r, 64);
	uint16_t version = wire_get_u16(r);
	bool server = wire_get_u8(r) != 0;
	return wire_reader_done(r) && str_eq(edge, str_from_cstr(side->edge)) &&
	       version == side->version && server != side->server;
}
