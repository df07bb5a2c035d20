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

/* Feeds one piece; false when the connection is over. */
static bool feed(
    struct login *l, struct buf *in, struct buf *out, struct str piece, unsigned choice)
{
	struct str password = {NULL, 0};
	check(buf_append_str(in, piece));
	enum login_next next = login_input(l, in, out, &password);
	while (next == LOGIN_CHECK) {
		check(l->user != NULL && strlen(l->user) <= LOGIN_MAX);
		check(password.n > 0 && password.n <= PASSWORD_MAX);
		if (choice % 3 == 0)
			return false;
		next = login_answer(l, choice % 3 == 1 ? LOGIN_BAD : LOGIN_TEMPORARY, out);
		if (next == LOGIN_READ)
			next = login_input(l, in, out, &password);
	}
	check(next != LOGIN_READ || buf_len(in) < POP3_LINE_MAX);
	return next == LOGIN_READ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf in = BUF_INIT(8192), out = BUF_INIT(LOGIN_OUTPUT_MAX);
	struct login l;
	if (size < 2)
		return 0;
	unsigned step = data[0] + 1U, choice = data[1];
	struct str rest = str_from(data + 2, size - 2);
	login_init(&l, choice & 0x80 ? false : true, 3);
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
