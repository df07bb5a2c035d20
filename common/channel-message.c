/* SPDX-License-Identifier: ISC
 *
 * What a packet says: the greeting, which is the first one each way (which edge, which version,
 * which side speaks), and after it the messages of the edge's table.
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

const struct msg_row *channel_find_row(const struct edge_side *side, uint16_t id)
{
	for (const struct msg_row *row = side->rows; row->name != NULL; row++)
		if (row->id == id)
			return row;
	return NULL;
}

void *channel_decode(const struct msg_row *row, struct wire_reader *r)
{
	void *v = pool_alloc(r->pool, row->size);
	if (v == NULL)
		return NULL;
	row->get(r, v);
	return wire_reader_done(r) ? v : NULL;
}

bool channel_try_packet(const struct edge_side *side, const uint8_t *p, size_t n, struct pool *pool)
{
	struct wire_reader r = {.p = p, .n = n, .pool = pool};
	uint16_t id = wire_get_u16(&r);
	if (id == CHANNEL_GREETING)
		return channel_greeting_fits(side, &r);
	const struct msg_row *row = r.failed ? NULL : channel_find_row(side, id);
	return row != NULL && channel_decode(row, &r) != NULL;
}
