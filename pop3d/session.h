/* SPDX-License-Identifier: ISC
 *
 * POP3 after the login (RFC 1939 §5, §6): the TRANSACTION state over a maildrop,
 * and, after QUIT and only then, the removal of what DELE marked. Bytes in,
 * replies out; the maildrop is all it touches.
 *
 * Output is produced as it finds room: a list of 100,000 messages or a message of
 * 100 MiB takes no more memory than SESSION_OUTPUT_MAX.
 */
#ifndef POSTERN_POP3_SESSION_H
#define POSTERN_POP3_SESSION_H

#include "common/buf.h"
#include "pop3d/maildrop.h"

enum {
	SESSION_INPUT_MAX = 16 * 1024,
	SESSION_OUTPUT_MAX = 128 * 1024,
	SESSION_BAD_COMMANDS_MAX = 20,
};

enum session_need {
	SESSION_INPUT, /* everything in `in` is answered */
	SESSION_ROOM,  /* there is more to say than `out` holds */
	SESSION_OVER,  /* send what is in `out`, then close */
	SESSION_CUT,   /* close at once: what was begun cannot be ended */
};

struct session_counts {
	uint64_t retrieved, topped, deleted, octets;
};

struct session;

/* `drop` outlives it. */
struct session *session_new(struct maildrop *drop);
void session_free(struct session *s);
/* The reply to the PASS. */
void session_greet(struct session *s, struct buf *out);
/* Goes on as far as `in` and the room in `out` allow. */
enum session_need session_run(struct session *s, struct buf *in, struct buf *out);
/* Commands answered so far: shows that the client is alive. */
uint64_t session_commands(const struct session *s);
/* SESSION_OVER came of a QUIT. */
bool session_has_quit(const struct session *s);
/* What was sent, and (after a QUIT) removed. */
const struct session_counts *session_counts(const struct session *s);

#endif
