/* SPDX-License-Identifier: ISC
 *
 * The POP3 login core: the input in pieces, whose sizes are its first octets, and
 * directory's answers. Whole replies only, in bounded number and size; a reply says
 * nothing that the client sent.
 */
#include "common/limits.h"
#include "pop3d/login.h"
#include "pop3d/pop3.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
	if (!fine)
		abort();
}

static void check_replies(const struct buf *out)
{
	struct str s = buf_str(out);
	check(s.n <= LOGIN_OUTPUT_MAX);
	check(s.n == 0 || (s.n > 1 && s.p[s.n - 2] == '\r' && s.p[s.n - 1] == '\n'));
	for (size_t i = 0; i < s.n; i++)
		check(ascii_is_print(s.p[i]) || s.p[i] == '\r' || s.p[i] == '\n');
}

/* What directory could say. */
static enum login_next answer(struct login *l, struct buf *out, unsigned choice)
{
	static const enum login_verdict verdicts[] = {
	    LOGIN_OK, LOGIN_BAD, LOGIN_TEMPORARY, LOGIN_LIMITED};
	struct str last = choice & 4 ? STR("v=ok") : STR("");
	if ((choice & 3) == 0 && (choice & 8)) {
		login_challenge(l, STR("challenge"), out);
		return LOGIN_READ;
	}
	return login_answer(l, verdicts[choice & 3], last, out);
}

/* Feeds one piece; false when the connection is over. */
static bool feed(
    struct login *l, struct buf *in, struct buf *out, struct str piece, unsigned choice)
{
	check(buf_append_str(in, piece));
	for (;;) {
		enum login_next next = login_input(l, in, out);
		bool asked = next == LOGIN_BEGIN || next == LOGIN_RESPOND;
		check(asked == (l->step == LOGIN_ASKED));
		check(!asked || (l->offer & l->mechanism) || l->user != NULL);
		check(asked || buf_len(&l->message) == 0);
		if (!asked && next != LOGIN_CANCEL) {
			check(next != LOGIN_READ || buf_len(in) < POP3_LINE_MAX);
			return next == LOGIN_READ;
		}
		login_wipe(l);
		if (asked && answer(l, out, choice++) != LOGIN_READ)
			return false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf in = BUF_INIT(8192), out = BUF_INIT(LOGIN_OUTPUT_MAX);
	struct login l;
	if (size < 2)
		return 0;
	unsigned step = data[0] + 1U, choice = data[1];
	struct str rest = str_from(data + 2, size - 2);
	login_init(&l, choice & 0x80 ? false : true, choice & AUTH_MECHANISMS, 3);
	login_greet(&out, "mx.example.org");
	while (rest.n > 0 && feed(&l, &in, &out, str_head(rest, step), choice++))
		rest = str_skip(rest, step);
	check_replies(&out);
	check(l.commands <= LOGIN_COMMANDS_MAX + 1);
	login_release(&l);
	buf_release(&in);
	buf_release(&out);
	return 0;
}
