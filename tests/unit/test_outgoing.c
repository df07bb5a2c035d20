/* SPDX-License-Identifier: ISC
 *
 * Content for DATA against a model of three lines, and conversions to 7 bits by example.
 */
#include "deliver-remote/outgoing-7bit.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static bool read_str(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
	const struct str *s = ctx;
	if (n == 0 || offset + n > s->n)
		ck_abort_msg("a read past the end");
	memcpy(to, s->p + offset, n);
	return true;
}

/* Canonical lines with dots stuffed, octet by octet. */
static void model(struct str in, struct buf *out)
{
	char last = '\n';
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (last == '\r' && c != '\n')
			buf_append_u8(out, '\n'), last = '\n';
		if (c == '\n' && last != '\r')
			buf_append_u8(out, '\r');
		if (c == '.' && last == '\n')
			buf_append_u8(out, '.');
		buf_append_u8(out, (uint8_t)c);
		last = c;
	}
	if (last == '\r')
		buf_append_u8(out, '\n');
	else if (last != '\n')
		buf_append_str(out, STR("\r\n"));
	buf_append_str(out, STR(".\r\n"));
}

static enum outgoing_state convert(struct str in, struct buf *out, size_t piece, bool seven)
{
	struct outgoing o;
	enum outgoing_state state;
	outgoing_init(&o, read_str, &in, in.n);
	do
		state = seven ? outgoing_plan(&o, piece) : OUTGOING_END;
	while (state == OUTGOING_MORE);
	if (state == OUTGOING_END)
		do
			state = outgoing_piece(&o, out, piece);
		while (state == OUTGOING_MORE);
	outgoing_release(&o);
	return state;
}

static const size_t pieces[] = {1, 2, 3, 63, 64, 65, 1000, 65536};
enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

static void compare_with_model(struct str in)
{
	struct buf is = BUF_INIT(SIZE_MAX / 2), should = BUF_INIT(SIZE_MAX / 2);
	model(in, &should);
	for (size_t i = 0; i < PIECES; i++) {
		buf_reset(&is);
		if (convert(in, &is, pieces[i], false) != OUTGOING_END)
			ck_abort();
		ck_assert_str(buf_str(&is), buf_str(&should));
	}
	buf_release(&is);
	buf_release(&should);
}

/* All that five octets of what matters can be. */
START_TEST(short_contents)
{
	static const char alphabet[] = {'\r', '\n', '.', 'x'};
	for (size_t n = 0; n <= 5; n++)
		for (unsigned k = 0; k < 1u << (2 * n); k++) {
			char text[5];
			for (size_t i = 0; i < n; i++)
				text[i] = alphabet[k >> (2 * i) & 3];
			struct str in = unit_copy((struct str){text, n});
			compare_with_model(in);
			unit_free(in);
		}
}
END_TEST

/* Across the blocks that are looked at as one. */
START_TEST(long_contents)
{
	static const char *const parts[] = {"\r\n", ".", "\r\n.\r\n", "\n.", "\r", "\r\r\n", "x",
	    "0123456789012345678901234567890123456789012345678901234567890123456789\r\n", "..",
	    "0123456789012345678901234567890123456789012345678901234567890"};
	uint64_t random = 1;
	for (unsigned round = 0; round < 2000; round++) {
		struct buf text = BUF_INIT(SIZE_MAX / 2);
		for (unsigned i = 0; i < 12; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			buf_append_str(&text, str_from_cstr(parts[(random >> 33) % 10]));
		}
		compare_with_model(buf_str(&text));
		buf_release(&text);
	}
}
END_TEST

START_TEST(scans)
{
	static const struct {
		struct str in;
		bool eight_bit, bare, header;
	} rows[] = {
	    {STR(""), false, false, false},
	    {STR("a: b\r\n\r\nx\r\n"), false, false, false},
	    {STR("a: b\r\n\r\nx"), false, true, false},
	    {STR("a: b\r\n\r\nx\r"), false, true, false},
	    {STR("a: b\n\r\n"), false, true, false},
	    {STR("a: b\r\n\r\nx\ry\r\n"), false, true, false},
	    {STR("a: b\r\n\r\n\x80\r\n"), true, false, false},
	    {STR("a: \xff\r\n\r\nx\r\n"), true, false, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outgoing o;
		struct outgoing_facts facts;
		struct str in = rows[i].in;
		bool header = true;
		outgoing_init(&o, read_str, &in, in.n);
		ck_assert(outgoing_scan(&o, &facts));
		ck_assert(facts.eight_bit == rows[i].eight_bit && facts.bare == rows[i].bare);
		ck_assert(outgoing_scan_header(&o, 1000, &header));
		ck_assert(in.n == 0 || header == rows[i].header);
	}
}
END_TEST

#define MIME "MIME-Version: 1.0\r\n"
#define QP   "Content-Transfer-Encoding: quoted-printable\r\n"

static const struct {
	const char *name, *in, *out; /* out NULL: cannot be converted */
} rows[] = {
    {"nothing to do", MIME "Subject: x\r\n\r\nHello\r\n", MIME "Subject: x\r\n\r\nHello\r\n"},
    {"no header at all", "caf\xe9\r\n",
	MIME "Content-Type: text/plain; charset=unknown-8bit\r\n" QP "\r\ncaf=E9\r\n"},
    {"label alone", MIME "Content-Transfer-Encoding: 8bit\r\n\r\nHello\r\n",
	MIME "Content-Type: text/plain; charset=unknown-8bit\r\n"
	     "Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\n"},
    {"text",
	MIME "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
	     "Subject: x\r\n\r\n\xc3\xa9\tx \r\n=\r\n",
	MIME "Content-Type: text/plain; charset=utf-8\r\n" QP
	     "Subject: x\r\n\r\n=C3=A9\tx=20\r\n=3D\r\n"},
    {"other", MIME "Content-Type: application/x\r\n\r\n\x80\x81\x82\x83\r\n",
	MIME "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	     "gIGCgw0K\r\n"},
    {"has an encoding",
	MIME "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n\x80\r\n", NULL},
    {"two encodings",
	MIME "Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\x80\r\n",
	NULL},
    {"two types", MIME "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\n\x80\r\n", NULL},
    {"message", MIME "Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\n\x80\r\n", NULL},
    {"multipart",
	MIME "Content-Type: multipart/mixed;\r\n boundary=\"a b\"\r\n"
	     "Content-Transfer-Encoding: 8bit\r\n\r\npre\x80\r\n--a b\r\n\r\n\xe9\r\n"
	     "--a b  \r\nContent-Type: image/x\r\n\r\n\xff\xfe\r\n--a bc\r\n--a b\r\n\r\nplain\r\n"
	     "--a b--\r\npost\x80\r\n",
	MIME "Content-Type: multipart/mixed;\r\n boundary=\"a b\"\r\n"
	     "Content-Transfer-Encoding: 7bit\r\n\r\npre?\r\n--a b\r\n" QP "\r\n=E9\r\n"
	     "--a b  \r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	     "//4NCi0tYSBiYw==\r\n--a b\r\n\r\nplain\r\n--a b--\r\npost?\r\n"},
    {"nested",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	     "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--b--\r\n"
	     "--a\r\n\r\n\xe8\r\n--a--\r\n",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	     "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" QP
	     "\r\n=E9\r\n--b--\r\n--a\r\n" QP "\r\n=E8\r\n--a--\r\n"},
    {"outer boundary ends inner",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\xe9\r\n--a\r\n\r\n\xe8"
	     "\r\n--b\r\n",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
	     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" QP "\r\n=E9\r\n--a\r\n" QP
	     "\r\n=E8\r\n--b\r\n"},
    {"signed",
	MIME "Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\n\r\n\xe9\r\n--a--\r\n",
	NULL},
    {"signed, 7-bit",
	MIME "Content-Type: multipart/signed; boundary=a\r\nSubject: \xc3\xa9\r\n\r\n--a\r\n"
	     "Content-Transfer-Encoding: 8bit\r\n\r\ne\r\n--a--\r\n",
	MIME "Content-Type: multipart/signed; boundary=a\r\nSubject: =?utf-8?Q?=C3=A9?=\r\n\r\n"
	     "--a\r\nContent-Transfer-Encoding: 8bit\r\n\r\ne\r\n--a--\r\n"},
    {"signed within",
	MIME
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
	"Content-Type: multipart/signed; boundary=a\r\n\r\n--a\r\nX: \xe9\r\n\r\ne\r\n--a--\r\n",
	NULL},
    {"digest",
	MIME "Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\n\xe9\r\n--a--\r\n",
	NULL},
    {"no boundary", MIME "Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\n\xe9\r\n--a--\r\n", NULL},
    {"encoded multipart",
	MIME
	"Content-Type: multipart/mixed; boundary=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	"--a\r\n\r\n\xe9\r\n--a--\r\n",
	NULL},
    {"comments",
	MIME
	"Content-Type: (a \\) (b) ;) multipart (c) / mixed (d); (e) boundary (f) = (g) a (h)\r\n"
	"\r\n--a\r\n\r\n\xe9\r\n--a--\r\n",
	MIME
	"Content-Type: (a \\) (b) ;) multipart (c) / mixed (d); (e) boundary (f) = (g) a (h)\r\n"
	"\r\n--a\r\n" QP "\r\n=E9\r\n--a--\r\n"},
    {"header words", "From: J\xfcrgen \xc3\xa9 x <a@b>\r\nTo: c\r\n\r\nx\r\n",
	"From: =?unknown-8bit?Q?J=FCrgen?= =?utf-8?Q?_=C3=A9?= x <a@b>\r\nTo: c\r\n\r\nx\r\n"},
    {"field parameters", MIME "Content-Type: text/plain; name=\"\xe9.txt\"\r\n\r\nx\r\n",
	MIME "Content-Type: text/plain; name=\"?.txt\"\r\n\r\nx\r\n"},
    {"no line end", MIME "Content-Type: text/plain\r\n\r\n\xe9 ",
	MIME "Content-Type: text/plain\r\n" QP "\r\n=E9=20\r\n"},
    {"part without blank line",
	MIME
	"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\xe9\r\n--a\r\nX: y\r\n--a--\r\n",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" QP
	     "\r\n=E9\r\n--a\r\nX: y\r\n--a--\r\n"},
    {"soft breaks, and no boundary behind one",
	MIME
	"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n"
	"\xe9"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa--a\r\n--a--\r\n",
	MIME
	"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" QP "\r\n=E9"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\r\n=2D-a\r\n"
	"--a--\r\n"},
    {"bare line ends stay what they are", MIME "Content-Type: text/plain\r\n\r\n\xe9\n \r x\r\r\n",
	MIME "Content-Type: text/plain\r\n" QP "\r\n=E9=0A =0D x=0D\r\n"},
    {"boundary in an epilogue",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n"
	     "--a\r\n\r\n\xe9\r\n",
	MIME "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n"
	     "--a\r\n\r\n?\r\n"},
    {"a bare CR that is not encoded", MIME "X: \r\xe9\r\n\r\nx\r\n", NULL},
    {"nothing to do but bare line ends", "X: \ry\n\r\nx\r\n", "X: \r\ny\r\n\r\nx\r\n"},
};

START_TEST(seven_bit_by_example)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t k = 0; k < PIECES; k++) {
			struct buf is = BUF_INIT(SIZE_MAX / 2), should = BUF_INIT(SIZE_MAX / 2);
			struct str in = unit_copy(str_from_cstr(rows[i].in));
			enum outgoing_state state = convert(in, &is, pieces[k], true);
			bool possible = rows[i].out != NULL;
			ck_assert_msg(state == (possible ? OUTGOING_END : OUTGOING_UNCONVERTED),
			    "%s", rows[i].name);
			if (possible) {
				model(str_from_cstr(rows[i].out), &should);
				ck_assert_str(buf_str(&is), buf_str(&should));
			}
			unit_free(in);
			buf_release(&is);
			buf_release(&should);
		}
}
END_TEST

static void nest(struct buf *b, unsigned depth)
{
	buf_append_str(b, STR(MIME));
	for (unsigned i = 0; i < depth; i++)
		buf_printf(b, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
	buf_append_str(b, STR("\r\n\x80\r\n"));
}

START_TEST(limits_of_conversion)
{
	struct buf in = BUF_INIT(SIZE_MAX / 2), out = BUF_INIT(SIZE_MAX / 2);
	nest(&in, SEVEN_DEPTH_MAX);
	ck_assert_int_eq(convert(buf_str(&in), &out, 1000, true), OUTGOING_END);
	buf_reset(&in);
	nest(&in, SEVEN_DEPTH_MAX + 1);
	ck_assert_int_eq(convert(buf_str(&in), &out, 1000, true), OUTGOING_UNCONVERTED);
	/* Two edits for each part. */
	for (unsigned parts = SEVEN_EDITS_MAX / 2; parts <= SEVEN_EDITS_MAX / 2 + 1; parts++) {
		buf_reset(&in);
		nest(&in, 1);
		for (unsigned i = 1; i < parts; i++)
			buf_append_str(&in, STR("--b0\r\n\r\n\x80\r\n"));
		ck_assert_int_eq(convert(buf_str(&in), &out, 1000, true),
		    parts == SEVEN_EDITS_MAX / 2 ? OUTGOING_END : OUTGOING_UNCONVERTED);
	}
	/* Fields that are written anew. */
	buf_reset(&in);
	for (unsigned i = 0; i < 120; i++)
		buf_printf(&in, "X: %s%03999d\r\n", "\x80", 0);
	ck_assert_int_eq(convert(buf_str(&in), &out, 1000, true), OUTGOING_END);
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&in, "X: %s%03999d\r\n", "\x80", 0);
	ck_assert_int_eq(convert(buf_str(&in), &out, 1000, true), OUTGOING_UNCONVERTED);
	buf_release(&in);
	buf_release(&out);
}
END_TEST

UNIT_MAIN(
    "outgoing", short_contents, long_contents, scans, seven_bit_by_example, limits_of_conversion)
