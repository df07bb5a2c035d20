/* SPDX-License-Identifier: ISC
 *
 * No server and no content makes the client work more than its length deserves.
 */
#include "deliver-remote/outgoing-7bit.h"
#include "deliver-remote/reply.h"
#include "tests/unit/unit.h"
#include "tests/unit/work.h"

enum { PIECE = 4096 };

static void read_replies(struct str in)
{
	struct reply_parser p;
	reply_init(&p);
	while (in.n > 0 && reply_feed(&p, &in) != REPLY_MALFORMED)
		;
}

static void read_reply_octets(struct str in)
{
	struct reply_parser p;
	enum reply_event event = REPLY_MORE;
	reply_init(&p);
	for (size_t i = 0; i < in.n && event != REPLY_MALFORMED; i++) {
		struct str octet = {in.p + i, 1};
		event = reply_feed(&p, &octet);
	}
}

static bool read_str(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
	const struct str *s = ctx;
	memcpy(to, s->p + offset, n);
	return true;
}

static void give_out(struct outgoing *o)
{
	struct buf out = BUF_INIT((size_t)1 << 20);
	enum outgoing_state state;
	do {
		state = outgoing_piece(o, &out, PIECE);
		buf_reset(&out);
	} while (state == OUTGOING_MORE);
	buf_release(&out);
}

static void send_data(struct str in)
{
	struct outgoing o;
	outgoing_init(&o, read_str, &in, in.n);
	give_out(&o);
	outgoing_release(&o);
}

static void convert(struct str in)
{
	struct outgoing o;
	enum outgoing_state state;
	outgoing_init(&o, read_str, &in, in.n);
	do
		state = outgoing_plan(&o, PIECE);
	while (state == OUTGOING_MORE);
	if (state == OUTGOING_END)
		give_out(&o);
	outgoing_release(&o);
}

#define MULTIPART "Content-Type: multipart/mixed; boundary=a\r\n\r\n"

static const struct {
	const char *name;
	work_fn *fn;
	unsigned per_octet;
	struct work_shape shape;
} rows[] = {
    {"replies", read_replies, 50, {"", "250-a\r\n250 5.1.1 b\r\n", "", 5000}},
    {"replies", read_replies, 50, {"", "250\n", "", 5000}},
    {"replies", read_replies, 50, {"", "250 \t\x80\r\r\r\n", "", 5000}},
    {"octets", read_reply_octets, 80, {"", "250-a\r\n250 5.1.1 b\r\n", "", 5000}},
    {"data", send_data, 50, {"", "x", "", 20000}},
    {"data", send_data, 50, {"", ".", "", 20000}},
    {"data", send_data, 50, {"", "\n", "", 20000}},
    {"data", send_data, 50, {"", "\r", "", 20000}},
    {"data", send_data, 50, {"", "\r\n", "", 20000}},
    {"data", send_data, 50, {"", ".\r\n", "", 20000}},
    {"data", send_data, 50, {"", "\n.", "", 20000}},
    {"7bit", convert, 300, {"", "\x80", "", 20000}},
    {"7bit", convert, 300, {"", "\x80\r\n", "", 20000}},
    {"7bit", convert, 300, {"\r\n", "\x80", "", 20000}},
    {"7bit", convert, 300, {"\r\n\x80", " ", "", 20000}},
    {"7bit", convert, 300, {"\r\n\x80", "\r", "", 20000}},
    {"7bit", convert, 300, {"", "X: \x80\r\n", "", 1000}},
    {"7bit", convert, 300, {"", "X: y\r\n", "\r\n\x80", 5000}},
    {"7bit", convert, 300, {"X: y\r\n", " \x80\r\n", "", 5000}},
    {"7bit", convert, 300, {"", "Content-Type: a/b\r\n", "\r\n\x80", 5000}},
    {"7bit", convert, 300, {"Content-Type: a/b", ";c=d", "\r\n\r\n\x80", 2000}},
    {"7bit", convert, 300, {"Content-Type: ", "(", "\r\n\r\n\x80", 2000}},
    {"7bit", convert, 300, {"Content-Type: a/b; c=\"", "\\\"", "\r\n\r\n\x80", 2000}},
    {"7bit", convert, 300, {MULTIPART, "--a\r\n", "\x80", 5000}},
    {"7bit", convert, 300, {MULTIPART, "--a\r\n\r\n\x80\r\n", "", 500}},
    {"7bit", convert, 300, {MULTIPART, "--a\r\n\r\n\x80\r\n", "", 5000}},
    {"7bit", convert, 300, {MULTIPART, "--a \t \t ", "\x80", 5000}},
    {"7bit", convert, 300, {"", MULTIPART "--a\r\n", "\x80", 100}},
    {"7bit", convert, 300, {"", MULTIPART "--a\r\n", "--a x\r\n", 1000}},
};

START_TEST(work_is_linear)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		work_assert_linear(rows[i].name, rows[i].fn, &rows[i].shape, rows[i].per_octet);
}
END_TEST

UNIT_MAIN("client work", work_is_linear)
