/* SPDX-License-Identifier: ISC
 *
 * Included, not compiled: makes structs, ids, prototypes and handler tables
 * from the table that TABLE names. With EDGE defined, the table is that of an
 * edge and has MESSAGE rows; without, it has RECORD rows only.
 *
 * A table has:
 *   RECORD(name) fields END_RECORD(name)       a struct that messages contain
 *   MESSAGE(direction, name, id, descriptors) fields END_MESSAGE(name)
 * direction is ASK (client to server) or ANSWER (server to client); descriptors
 * is the exact number of descriptors that travel with it. Fields:
 *   U8(f) U16(f) U32(f) U64(f)    unsigned integers
 *   STRING(f, max)                a struct str of at most max octets
 *   REC(record, f)                a record
 *   LIST(record, f, max)          `f` points to f_count records
 */

/* The structs. */
#define RECORD(name) struct name {
#define END_RECORD(name) };
#define MESSAGE(direction, name, id, descriptors) struct msg_##name {
#define END_MESSAGE(name) };
#define U8(f) uint8_t f;
#define U16(f) uint16_t f;
#define U32(f) uint32_t f;
#define U64(f) uint64_t f;
#define STRING(f, max) struct str f;
#define REC(record, f) struct record f;
#define LIST(record, f, max) struct record *f; size_t f##_count;
#include TABLE
#include "common/msg-fields-clear.h"

/* put and get: encode and decode one struct; faults are in the writer or reader. */
#define U8(f)
#define U16(f)
#define U32(f)
#define U64(f)
#define STRING(f, max)
#define REC(record, f)
#define LIST(record, f, max)
#define RECORD(name) \
	void name##_put(struct wire_writer *w, const struct name *v); \
	void name##_get(struct wire_reader *r, struct name *v);
#define END_RECORD(name)
#ifdef EDGE
/* msg_NAME_send: false when the message does not fit or the channel is closed. `fds` are
 * duplicated into the message; the caller keeps its own. NULL where the row says 0. */
#define MESSAGE(direction, name, id, descriptors) \
	enum { MSG_##name = (id) }; \
	void msg_##name##_put(struct wire_writer *w, const struct msg_##name *v); \
	void msg_##name##_get(struct wire_reader *r, struct msg_##name *v); \
	bool msg_##name##_send(struct channel *channel, const struct msg_##name *v, const int *fds);
#define END_MESSAGE(name)
#endif
#include TABLE
#undef RECORD
#undef END_RECORD
#undef MESSAGE
#undef END_MESSAGE

#ifdef EDGE
/* What each side must handle. A handler returns false when the peer broke the
 * protocol: the channel is then closed. It may keep a descriptor by putting -1
 * in its place; what it leaves is closed. Strings and lists live until it returns. */
#define RECORD(name)
#define END_RECORD(name)
#define END_MESSAGE(name)
#define MESSAGE(direction, name, id, descriptors) MSG_SERVER_##direction(name)
#define MSG_SERVER_ASK(name) bool (*name)(void *ctx, const struct msg_##name *m, int *fds);
#define MSG_SERVER_ANSWER(name)
#define MSG_PASTE2(a, b) a##b
#define MSG_PASTE(a, b) MSG_PASTE2(a, b)
struct MSG_PASTE(EDGE, _server_handlers) {
#include TABLE
};
#undef MESSAGE
#define MESSAGE(direction, name, id, descriptors) MSG_CLIENT_##direction(name)
#define MSG_CLIENT_ANSWER(name) bool (*name)(void *ctx, const struct msg_##name *m, int *fds);
#define MSG_CLIENT_ASK(name)
struct MSG_PASTE(EDGE, _client_handlers) {
#include TABLE
};
extern const struct edge_side MSG_PASTE(EDGE, _server);
extern const struct edge_side MSG_PASTE(EDGE, _client);
#undef MSG_SERVER_ASK
#undef MSG_SERVER_ANSWER
#undef MSG_CLIENT_ASK
#undef MSG_CLIENT_ANSWER
#undef MSG_PASTE
#undef MSG_PASTE2
#endif
#include "common/msg-fields-clear.h"
