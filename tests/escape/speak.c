/* SPDX-License-Identifier: ISC
 *
 * Made from the tables of the edges, so a message or an edge that is added is spoken, too.
 */
#include "tests/escape/speak.h"
#include "common/msg-directory-pam.h"
#include "common/msg-directory-session.h"
#include "common/msg-keys.h"
#include "common/msg-owner.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-queue-directory.h"
#include "common/msg-queue-local.h"
#include "common/msg-queue-remote.h"
#include "common/msg-remote-directory.h"
#include "common/msg-remote-resolver.h"
#include "common/msg-session-child.h"
#include "common/msg-smtpd-directory.h"
#include "common/msg-smtpd-queue.h"
#include "common/msg-supervision.h"
#include "common/msg-users.h"
#include "common/envelope.h"

#include <stdlib.h>

struct speak_row {
	void (*fn)(struct wire_writer *w); /* NULL: the end */
	uint16_t id;
	unsigned descriptors;
	bool ask;
};

/* Each test has its own seed, so a failure comes again. */
static uint64_t state;

uint32_t speak_random(uint32_t below)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(state >> 33) % below;
}

void speak_seed(uint64_t seed)
{
	state = seed;
}

/* Small numbers are cookies, kinds and states that exist; large ones are not. */
static void speak_number(struct wire_writer *w, unsigned octets)
{
	bool large = speak_random(4) == 0;
	for (unsigned i = 0; i < octets; i++)
		wire_put_u8(w, (uint8_t)(large		   ? speak_random(256)
					 : i + 1 == octets ? speak_random(8)
							   : 0));
}

static void speak_string(struct wire_writer *w, size_t max)
{
	static const char *const words[] = {"ann@example.org", "example.org", "", "bob@far.example",
	    "smtp:[127.0.0.1]:9", "../../etc/passwd", "a b\r\nc"};
	static char filler[65536];
	struct str s = str_from_cstr(words[speak_random(sizeof(words) / sizeof(words[0]))]);
	if (speak_random(16) == 0)
		s = str_from(filler, max < sizeof(filler) ? max : sizeof(filler));
	else if (speak_random(4) == 0)
		s = str_from(filler, speak_random(64));
	for (size_t i = 0; s.p == filler && i < s.n && i < 64; i++)
		filler[i] = (char)speak_random(256);
	wire_put_str(w, str_head(s, max), max);
}

static size_t speak_count(struct wire_writer *w, size_t max)
{
	size_t n = speak_random(16) == 0 ? max : speak_random(4);
	n = n < max ? n : max;
	wire_put_count(w, n, max);
	return n;
}

#define TABLE "common/envelope.def"
#include "tests/escape/speak-table.h"
#undef TABLE
#define TABLE "common/auth.def"
#include "tests/escape/speak-table.h"
#undef TABLE
#define EDGE  keys
#define TABLE "common/msg-keys.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  smtpd_directory
#define TABLE "common/msg-smtpd-directory.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  smtpd_queue
#define TABLE "common/msg-smtpd-queue.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  queue_local
#define TABLE "common/msg-queue-local.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  queue_remote
#define TABLE "common/msg-queue-remote.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  queue_directory
#define TABLE "common/msg-queue-directory.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  remote_directory
#define TABLE "common/msg-remote-directory.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  remote_resolver
#define TABLE "common/msg-remote-resolver.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  pop3d_directory
#define TABLE "common/msg-pop3d-directory.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  pop3d_session
#define TABLE "common/msg-pop3d-session.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  directory_session
#define TABLE "common/msg-directory-session.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  users
#define TABLE "common/msg-users.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  directory_pam
#define TABLE "common/msg-directory-pam.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  owner
#define TABLE "common/msg-owner.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  supervision
#define TABLE "common/msg-supervision.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE
#define EDGE  session_child
#define TABLE "common/msg-session-child.def"
#include "tests/escape/speak-table.h"
#undef EDGE
#undef TABLE

/* Several edges of one table. */
#define speak_smtpd_keys       speak_keys
#define speak_pop3d_keys       speak_keys
#define speak_remote_keys      speak_keys
#define smtpd_keys_server      keys_server
#define pop3d_keys_server      keys_server
#define remote_keys_server     keys_server
#define speak_directory_users  speak_users
#define speak_local_users      speak_users
#define directory_users_server users_server
#define local_users_server     users_server
#define speak_local_owner      speak_owner
#define speak_session_owner    speak_owner
#define local_owner_server     owner_server
#define session_owner_server   owner_server

#define EDGE(id, from, to)                                                                         \
	[EDGE_##id] = {.rows = speak_##id,                                                         \
	    .server = &id##_server,                                                                \
	    .client_program = PROGRAM_##from,                                                      \
	    .server_program = PROGRAM_##to},
#define PROGRAM(id, file, user, instances)
const struct speak_edge speak_edges[SPEAK_EDGES] = {
#include "common/wiring.def"
    [SPEAK_SUPERVISION] = {.rows = speak_supervision, .server = &supervision_server},
    [SPEAK_SESSION_CHILD] = {.rows = speak_session_child, .server = &session_child_server},
};
#undef EDGE
#undef PROGRAM

bool speak_message(unsigned edge, bool ask, struct buf *out, unsigned *descriptors)
{
	const struct speak_row *rows = speak_edges[edge].rows, *fitting[64];
	size_t n = 0;
	for (const struct speak_row *row = rows; row->fn != NULL; row++)
		if (row->ask == ask)
			fitting[n++] = row;
	buf_reset(out);
	if (n == 0)
		return false;
	const struct speak_row *row = fitting[speak_random((uint32_t)n)];
	struct wire_writer w = {.buf = out};
	wire_put_u16(&w, row->id);
	row->fn(&w);
	*descriptors = row->descriptors;
	return !w.failed;
}

void speak_greeting(unsigned edge, bool server, struct buf *out)
{
	const struct edge_side *side = speak_edges[edge].server;
	struct wire_writer w = {.buf = out};
	buf_reset(out);
	wire_put_u16(&w, 0);
	wire_put_str(&w, str_from_cstr(side->edge), 64);
	wire_put_u16(&w, side->version);
	wire_put_u8(&w, server);
}
