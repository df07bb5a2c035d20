/* SPDX-License-Identifier: ISC
 *
 * Included, not compiled: for the table that TABLE names, a function that writes a random but well
 * formed message for each of its messages, and a row for it in speak_EDGE. Without EDGE, records
 * only.
 */
#define U8(f)	       speak_number(w, 1);
#define U16(f)	       speak_number(w, 2);
#define U32(f)	       speak_number(w, 4);
#define U64(f)	       speak_number(w, 8);
#define STRING(f, max) speak_string(w, (max));
#define REC(record, f) speak_##record(w);
#define LIST(record, f, max)                                                                       \
	for (size_t n = speak_count(w, (max)); n > 0; n--)                                         \
		speak_##record(w);
#define RECORD(name)                                                                               \
	static void speak_##name(struct wire_writer *w)                                            \
	{                                                                                          \
		(void)w;
#define END_RECORD(name)			  }
#define MESSAGE(direction, name, id, descriptors) RECORD(msg_##name)
#define END_MESSAGE(name)			  END_RECORD(msg_##name)
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
#define ASK    true
#define ANSWER false
#define MESSAGE(direction, name, number, fds)                                                      \
	{.id = (number), .ask = (direction), .descriptors = (fds), .fn = speak_msg_##name},
#define SPEAK_PASTE2(a, b) a##b
#define SPEAK_PASTE(a, b)  SPEAK_PASTE2(a, b)
static const struct speak_row SPEAK_PASTE(speak_, EDGE)[] = {
#include TABLE
    {.fn = NULL}};
#undef SPEAK_PASTE
#undef SPEAK_PASTE2
#undef ASK
#undef ANSWER
#include "common/msg-fields-clear.h"
#endif
