/* SPDX-License-Identifier: ISC
 *
 * Included, not compiled: the functions and dispatch rows that msg-declare.h
 * promises. Wants TABLE and, for an edge, EDGE, EDGE_NAME and EDGE_VERSION.
 */

#define U8(f) wire_put_u8(w, v->f);
#define U16(f) wire_put_u16(w, v->f);
#define U32(f) wire_put_u32(w, v->f);
#define U64(f) wire_put_u64(w, v->f);
#define STRING(f, max) wire_put_str(w, v->f, (max));
#define REC(record, f) record##_put(w, &v->f);
#define LIST(record, f, max) \
	wire_put_count(w, v->f##_count, (max)); \
	for (size_t i = 0; i < v->f##_count && !w->failed; i++) \
		record##_put(w, &v->f[i]);
#define RECORD(name) \
	void name##_put(struct wire_writer *w, const struct name *v) \
	{ \
		(void)w; \
		(void)v;
#define END_RECORD(name) }
#define MESSAGE(direction, name, id, descriptors) RECORD(msg_##name)
#define END_MESSAGE(name) END_RECORD(msg_##name)
#include TABLE
#include "common/msg-fields-clear.h"

#define U8(f) v->f = wire_get_u8(r);
#define U16(f) v->f = wire_get_u16(r);
#define U32(f) v->f = wire_get_u32(r);
#define U64(f) v->f = wire_get_u64(r);
#define STRING(f, max) v->f = wire_get_str(r, (max));
#define REC(record, f) record##_get(r, &v->f);
#define LIST(record, f, max) \
	v->f = wire_get_list(r, (max), sizeof(*v->f), &v->f##_count); \
	for (size_t i = 0; i < v->f##_count && !r->failed; i++) \
		record##_get(r, &v->f[i]);
#define RECORD(name) \
	void name##_get(struct wire_reader *r, struct name *v) \
	{ \
		(void)r; \
		(void)v;
#define END_RECORD(name) }
#define MESSAGE(direction, name, id, descriptors) RECORD(msg_##name)
#define END_MESSAGE(name) END_RECORD(msg_##name)
#include TABLE
#include "common/msg-fields-clear.h"

#ifdef EDGE
#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define STRING(f, max)
#define REC(record, f)
#define LIST(record, f, max)
#define RECORD(name)
#define END_RECORD(name)
#define END_MESSAGE(name)
#define MSG_PASTE2(a, b) a##b
#define MSG_PASTE(a, b) MSG_PASTE2(a, b)

/* One row's untyped view of get, put and the handler. */
#define MESSAGE(direction, name, id, descriptors) \
	static void name##_row_get(struct wire_reader *r, void *v) \
	{ \
		msg_##name##_get(r, v); \
	} \
	static void name##_row_put(struct wire_writer *w, const void *v) \
	{ \
		msg_##name##_put(w, v); \
	} \
	bool msg_##name##_send(struct channel *channel, const struct msg_##name *v, const int *fds) \
	{ \
		return channel_send(channel, (id), name##_row_put, v, fds, (descriptors)); \
	} \
	MSG_CALL_##direction(name)
/* A handler that is left out is a fault of ours, but costs only the channel. */
#define MSG_CALL(name, side) \
	static bool name##_row_call(const void *handlers, void *ctx, const void *v, int *fds) \
	{ \
		const struct MSG_PASTE(EDGE, side) *h = handlers; \
		return h->name != NULL && h->name(ctx, v, fds); \
	}
#define MSG_CALL_ASK(name) MSG_CALL(name, _server_handlers)
#define MSG_CALL_ANSWER(name) MSG_CALL(name, _client_handlers)
#include TABLE
#undef MESSAGE
#undef MSG_CALL_ASK
#undef MSG_CALL_ANSWER
#undef MSG_CALL

#define MSG_ROW(message, number, count) \
	{.id = (number), \
	 .descriptors = (count), \
	 .size = sizeof(struct msg_##message), \
	 .name = #message, \
	 .get = message##_row_get, \
	 .put = message##_row_put, \
	 .call = message##_row_call},
#define MESSAGE(direction, name, id, descriptors) MSG_ROW_##direction(name, id, descriptors)
#define MSG_ROW_ASK(name, id, descriptors) MSG_ROW(name, id, descriptors)
#define MSG_ROW_ANSWER(name, id, descriptors)
static const struct msg_row MSG_PASTE(EDGE, _server_rows)[] = {
#include TABLE
    {.name = NULL}};
#undef MSG_ROW_ASK
#undef MSG_ROW_ANSWER
#define MSG_ROW_ASK(name, id, descriptors)
#define MSG_ROW_ANSWER(name, id, descriptors) MSG_ROW(name, id, descriptors)
static const struct msg_row MSG_PASTE(EDGE, _client_rows)[] = {
#include TABLE
    {.name = NULL}};
#undef MSG_ROW_ASK
#undef MSG_ROW_ANSWER
#undef MSG_ROW
#undef MESSAGE

const struct edge_side MSG_PASTE(EDGE, _server) = {
    .edge = EDGE_NAME, .version = EDGE_VERSION, .server = true, .rows = MSG_PASTE(EDGE, _server_rows)};
const struct edge_side MSG_PASTE(EDGE, _client) = {
    .edge = EDGE_NAME, .version = EDGE_VERSION, .server = false, .rows = MSG_PASTE(EDGE, _client_rows)};
#undef MSG_PASTE
#undef MSG_PASTE2
#include "common/msg-fields-clear.h"
#endif
