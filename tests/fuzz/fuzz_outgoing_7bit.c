/* SPDX-License-Identifier: ISC
 *
 * Any content, converted to 7 bits in pieces of any size: what comes has no octet above
 * 127, is no more than a small multiple, needs no further conversion, and does not depend
 * on the pieces. As the body of a text and of another part it decodes to what it was.
 */
#include "common/header.h"
#include "deliver-remote/outgoing-7bit.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	abort();
}

static bool read_str(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
	const struct str *s = ctx;
	if (n == 0 || offset > s->n || n > s->n - offset)
		fail("a read past the end");
	memcpy(to, s->p + offset, n);
	return true;
}

static bool convert(struct str in, size_t piece, struct buf *out, bool *plain)
{
	struct outgoing o;
	enum outgoing_state state;
	buf_init(out, SIZE_MAX / 2);
	outgoing_init(&o, read_str, &in, in.n);
	do
		state = outgoing_plan(&o, piece);
	while (state == OUTGOING_MORE);
	*plain = o.seven == NULL;
	if (state == OUTGOING_END)
		do
			state = outgoing_piece(&o, out, piece);
		while (state == OUTGOING_MORE);
	outgoing_release(&o);
	return state == OUTGOING_END;
}

static void check(struct str in, struct str out)
{
	for (size_t i = 0; i < out.n; i++)
		if ((uint8_t)out.p[i] > 127)
			fail("an octet above 127");
	/* Encoded words take the most: a frame for each octet at worst. */
	if (out.n > in.n * 40 + 1000)
		fail("far too much");
}

/* Without the final dot, and the dots that were stuffed. */
static void unstuff(struct str in, struct buf *out)
{
	in = str_head(in, in.n - 3);
	while (in.n > 0) {
		size_t n = str_find(in, '\n') + 1;
		struct str line = str_head(in, n);
		buf_append_str(out, line.p[0] == '.' ? str_skip(line, 1) : line);
		in = str_skip(in, n);
	}
}

static unsigned hex(char c)
{
	return ascii_is_digit(c) ? (unsigned)(c - '0') : (unsigned)(c - 'A' + 10);
}

static void decode_quoted(struct str in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '=') {
			buf_append_u8(out, (uint8_t)in.p[i]);
		} else if (in.p[i + 1] == '\r') {
			i += 2;
		} else {
			buf_append_u8(out, (uint8_t)(hex(in.p[i + 1]) << 4 | hex(in.p[i + 2])));
			i += 2;
		}
	}
	for (size_t n = 0; in.n > 0; in = str_skip(in, n + 1)) {
		n = str_find(in, '\n');
		if (n > 77)
			fail("a line too long");
		if (n > 1 && (in.p[n - 2] == ' ' || in.p[n - 2] == '\t'))
			fail("a blank at the end of a line");
	}
}

static void decode_base64(struct str in, struct buf *out)
{
	while (in.n > 0) {
		uint8_t block[60];
		size_t n = str_find(in, '\r');
		int got = EVP_DecodeBlock(block, (const uint8_t *)in.p, (int)n);
		if (n == 0 || n > 76 || got < 0)
			fail("no base64");
		got -= (in.p[n - 1] == '=') + (in.p[n - 2] == '=');
		buf_append(out, block, (size_t)got);
		in = str_skip(in, n + 2);
	}
}

static bool has_bare_cr(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n'))
			return true;
	return false;
}

static void check_body(struct str header, struct str body, bool quoted)
{
	struct buf in, out, message, decoded;
	bool plain;
	buf_init(&in, SIZE_MAX / 2);
	buf_init(&message, SIZE_MAX / 2);
	buf_init(&decoded, SIZE_MAX / 2);
	buf_append_str(&in, header);
	buf_append_u8(&in, 0x80);
	buf_append_str(&in, body);
	if (!convert(buf_str(&in), 4096, &out, &plain) || plain)
		fail("not converted");
	unstuff(buf_str(&out), &message);
	struct str m = buf_str(&message);
	m = str_skip(m, header_length(m));
	if (quoted)
		decode_quoted(m, &decoded);
	else
		decode_base64(m, &decoded);
	struct str is = buf_str(&decoded), should = str_skip(buf_str(&in), header.n);
	/* A last line without end has got one. */
	if (!str_eq(str_head(is, should.n), should) ||
	    (is.n != should.n && !str_eq(str_skip(is, should.n), STR("\r\n"))))
		fail("it decodes to something else");
	buf_release(&in);
	buf_release(&out);
	buf_release(&message);
	buf_release(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut, again;
	bool plain;
	if (size < 1)
		return 0;
	struct str in = str_from(data + 1, size - 1);
	bool ok = convert(in, 65536, &whole, &plain);
	if (convert(in, 1u + data[0], &cut, &plain) != ok ||
	    !str_eq(buf_str(&whole), buf_str(&cut)))
		fail("the pieces matter");
	if (ok) {
		check(in, buf_str(&whole));
		struct buf message = BUF_INIT(SIZE_MAX / 2);
		unstuff(buf_str(&whole), &message);
		/* A bare CR has become a line end, with which it may be another message. */
		if ((!convert(buf_str(&message), 65536, &again, &plain) || !plain) &&
		    !has_bare_cr(in))
			fail("it needs conversion again");
		buf_release(&again);
		buf_release(&message);
	}
	check_body(STR("MIME-Version: 1.0\r\nContent-Type: text/x\r\n\r\n"), in, true);
	check_body(STR("MIME-Version: 1.0\r\nContent-Type: image/x\r\n\r\n"), in, false);
	buf_release(&whole);
	buf_release(&cut);
	return 0;
}
