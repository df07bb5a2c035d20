/* SPDX-License-Identifier: ISC
 *
 * The POP3 session core over a mailbox in a temporary directory, whose messages
 * come from the input too. Nothing is removed without a QUIT; memory stays bounded.
 */
#include "pop3d/maildir-drop.h"
#include "pop3d/pop3.h"
#include "pop3d/session.h"
#include "tests/unit/scratch.h"

#include <stdlib.h>

enum { MESSAGES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[MESSAGES] = {"new/1.a,S=1,W=1", "cur/2.b:2,S", "new/x"};
static int root = -1;

static void check(bool fine)
{
	if (!fine)
		abort();
}

static void leave(void)
{
	scratch_close();
}

/* The first octets are the sizes of the messages, whose octets follow. */
static struct str fill(struct str rest)
{
	size_t sizes[MESSAGES];
	for (size_t i = 0; i < MESSAGES; i++)
		sizes[i] = i < rest.n ? (uint8_t)rest.p[i] : 0;
	rest = str_skip(rest, MESSAGES);
	for (size_t i = 0; i < MESSAGES; i++) {
		scratch_write(names[i], str_head(rest, sizes[i]));
		rest = str_skip(rest, sizes[i]);
	}
	return rest;
}

static void begin(void)
{
	root = scratch_open();
	scratch_mkdir("new");
	scratch_mkdir("cur");
	atexit(leave);
}

/* Feeds one piece; what the session says is taken off as it comes. */
static enum session_need feed(struct session *s, struct buf *in, struct buf *out, struct str piece)
{
	enum session_need need;
	check(buf_append_str(in, piece));
	do {
		need = session_run(s, in, out);
		check(buf_len(out) <= SESSION_OUTPUT_MAX);
		buf_reset(out);
	} while (need == SESSION_ROOM);
	check(need != SESSION_INPUT || buf_len(in) < POP3_LINE_MAX);
	return need;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf in = BUF_INIT(SESSION_INPUT_MAX), out = BUF_INIT(SESSION_OUTPUT_MAX);
	enum session_need need = SESSION_INPUT;
	if (size < 1)
		return 0;
	if (root < 0)
		begin();
	size_t step = data[0] + 1U;
	struct str rest = fill(str_from(data + 1, size - 1));
	struct maildrop *drop = maildir_drop_open(root);
	struct session *s = session_new(drop);
	session_greet(s, &out);
	for (; rest.n > 0 && need == SESSION_INPUT; rest = str_skip(rest, step))
		need = feed(s, &in, &out, str_head(rest, step));
	size_t left = scratch_count("new", NULL) + scratch_count("cur", NULL);
	check(left + session_counts(s)->deleted == MESSAGES);
	check(left == MESSAGES || session_has_quit(s));
	session_free(s);
	maildir_drop_free(drop);
	buf_release(&in);
	buf_release(&out);
	return 0;
}
