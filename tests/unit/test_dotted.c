/* SPDX-License-Identifier: ISC
 *
 * Line ends and dots on the way into DATA, however the input is cut.
 */
#include "control/dotted.h"
#include "tests/unit/unit.h"


static const struct {
	const char *in, *out;
} samples[] = {
    {"", ".\r\n"},
    {"a", "a\r\n.\r\n"},
    {"a\n", "a\r\n.\r\n"},
    {"a\r\n", "a\r\n.\r\n"},
    {"a\r", "a\r\n.\r\n"},
    {"a\rb\n", "a\r\nb\r\n.\r\n"},
    {"a\r\rb", "a\r\n\r\nb\r\n.\r\n"},
    {"a\r\r\nb", "a\r\n\r\nb\r\n.\r\n"},
    {"a\n\nb\n", "a\r\n\r\nb\r\n.\r\n"},
    {".\n", "..\r\n.\r\n"},
    {"..\n", "...\r\n.\r\n"},
    {".a\n.b\r\n.c\r.d", "..a\r\n..b\r\n..c\r\n..d\r\n.\r\n"},
    {"a.b\n", "a.b\r\n.\r\n"},
    {"\n.\n", "\r\n..\r\n.\r\n"},
    {"\r\n.\r\n", "\r\n..\r\n.\r\n"},
    {"\r.\r", "\r\n..\r\n.\r\n"},
    {"\xff\xfe\n", "\xff\xfe\r\n.\r\n"},
};

static void convert(struct buf *out, struct str in, size_t cut)
{
	struct dotted d = {false, false};
	buf_reset(out);
	ck_assert(dotted_put(&d, out, str_head(in, cut)));
	ck_assert(dotted_put(&d, out, str_skip(in, cut)));
	ck_assert(dotted_end(&d, out));
	ck_assert_uint_le(buf_len(out), DOTTED_MAX(in.n));
}

START_TEST(wherever_it_is_cut)
{
	struct buf out = BUF_INIT(4096);
	struct str in = str_from_cstr(samples[_i].in);
	for (size_t cut = 0; cut <= in.n; cut++) {
		convert(&out, in, cut);
		ck_assert_msg(str_eq(buf_str(&out), str_from_cstr(samples[_i].out)),
		    "sample %d cut at %zu: %.*s", _i, cut, STR_ARG(buf_str(&out)));
	}
	buf_release(&out);
}
END_TEST

START_TEST(octet_by_octet)
{
	struct buf out = BUF_INIT(4096);
	struct str in = str_from_cstr(samples[_i].in);
	struct dotted d = {false, false};
	for (size_t i = 0; i < in.n; i++)
		ck_assert(dotted_put(&d, &out, str_from(in.p + i, 1)));
	ck_assert(dotted_end(&d, &out));
	ck_assert(str_eq(buf_str(&out), str_from_cstr(samples[_i].out)));
	buf_release(&out);
}
END_TEST

START_TEST(nothing_ends_the_content_but_the_end)
{
	/* Every string of four of these octets: CRLF.CRLF stands only at the very end. */
	static const char octets[] = {'\r', '\n', '.', 'a', '\0'};
	struct buf out = BUF_INIT(4096);
	for (unsigned n = 0; n < 5 * 5 * 5 * 5; n++) {
		char in[4] = {
		    octets[n % 5], octets[n / 5 % 5], octets[n / 25 % 5], octets[n / 125]};
		convert(&out, str_from(in, 4), 2);
		const char *p = (const char *)buf_data(&out);
		size_t len = buf_len(&out);
		ck_assert(len >= 3 && memcmp(p + len - 3, ".\r\n", 3) == 0);
		ck_assert_ptr_null(memmem(p, len - 1, "\r\n.\r\n", 5));
		for (size_t i = 0; i < len; i++) {
			ck_assert(p[i] != '\r' || (i + 1 < len && p[i + 1] == '\n'));
			ck_assert(p[i] != '\n' || (i > 0 && p[i - 1] == '\r'));
		}
	}
	buf_release(&out);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("dotted");
	tcase_add_loop_test(tc, wherever_it_is_cut, 0, sizeof(samples) / sizeof(samples[0]));
	tcase_add_loop_test(tc, octet_by_octet, 0, sizeof(samples) / sizeof(samples[0]));
	tcase_add_test(tc, nothing_ends_the_content_but_the_end);
	return unit_run_case("dotted", tc);
}
