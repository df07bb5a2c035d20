/* SPDX-License-Identifier: ISC */
#include "deliver-local/lf-lines.h"
#include "tests/unit/unit.h"

#include "common/str.h"


static const struct {
	struct str smtp;
	struct str file;
	uint64_t crlf_octets;
} rows[] = {
    {STR(""), STR(""), 0},
    {STR("a\r\n"), STR("a\n"), 3},
    {STR("\r\n"), STR("\n"), 2},
    {STR("\r\n\r\n"), STR("\n\n"), 4},
    {STR("a\r\nb\r\n"), STR("a\nb\n"), 6},
    {STR("a"), STR("a\n"), 3},
    {STR("a\r\nb"), STR("a\nb\n"), 6},
    {STR("a\rb\r\n"), STR("a\rb\n"), 5},
    {STR("a\r\r\n"), STR("a\r\r\n"), 4},
    {STR("a\r\r\r\n"), STR("a\r\r\r\n"), 5},
    {STR("a\r"), STR("a\r\r\n"), 4},
    {STR("a\r\r"), STR("a\r\r\r\n"), 5},
    {STR("\r"), STR("\r\r\n"), 3},
    {STR("a\nb\r\n"), STR("a\nb\n"), 6},
    {STR("\n"), STR("\n"), 2},
    {STR("\r\n\n"), STR("\n\n"), 4},
    {STR("a\0b\r\n"), STR("a\0b\n"), 5},
    {STR("\r\r\n\r\n"), STR("\r\r\n\n"), 5},
};

static struct lf_lines convert_split(struct str in, size_t split, char *out, size_t *n)
{
	struct lf_lines l;
	lf_lines_init(&l);
	*n = lf_lines_put(&l, in.p, split, out);
	*n += lf_lines_put(&l, in.p + split, in.n - split, out + *n);
	*n += lf_lines_end(&l, out + *n);
	return l;
}

START_TEST(maps_as_documented)
{
	char out[64];
	for (size_t split = 0; split <= rows[_i].smtp.n; split++) {
		size_t n;
		struct lf_lines l = convert_split(rows[_i].smtp, split, out, &n);
		ck_assert_uint_eq(n, rows[_i].file.n);
		ck_assert(memcmp(out, rows[_i].file.p, n) == 0);
		ck_assert_uint_eq(l.octets, rows[_i].file.n);
		ck_assert_uint_eq(l.crlf_octets, rows[_i].crlf_octets);
	}
}
END_TEST

/* What a Maildir reader makes of the file. */
static size_t read_back(const char *file, size_t n, char *out)
{
	size_t at = 0;
	for (size_t i = 0; i < n; i++) {
		if (file[i] == '\n' && (i == 0 || file[i - 1] != '\r'))
			out[at++] = '\r';
		out[at++] = file[i];
	}
	return at;
}

/* Whatever has no bare LF comes back as it was, but for a line ending missing at the end. */
START_TEST(comes_back)
{
	enum { N = 24 };
	static const char octets[] = {'\r', '\n', 'a', '.'};
	char in[N], file[2 * N + 4], back[4 * N + 8];
	srandom((unsigned)_i);
	for (int round = 0; round < (int)unit_times(2000); round++) {
		size_t len = (size_t)random() % N, n;
		for (size_t i = 0; i < len; i++) {
			in[i] = octets[random() % 4];
			if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r'))
				in[i] = 'x';
		}
		struct lf_lines l = convert_split(
		    str_from(in, len), len == 0 ? 0 : (size_t)random() % len, file, &n);
		size_t got = read_back(file, n, back);
		bool ended = len == 0 || in[len - 1] == '\n';
		ck_assert_uint_eq(got, ended ? len : len + 2);
		ck_assert(memcmp(back, in, len) == 0);
		ck_assert(ended || memcmp(back + len, "\r\n", 2) == 0);
		ck_assert_uint_eq(l.octets, n);
		ck_assert_uint_eq(l.crlf_octets, got);
	}
}
END_TEST

START_TEST(many_blocks_are_one)
{
	static const char text[] = "Subject: x\r\n\r\n.\r\n\r\r\n a\rb\nlast\r";
	char whole[128], pieces[128];
	size_t n, m = 0;
	convert_split(STR("Subject: x\r\n\r\n.\r\n\r\r\n a\rb\nlast\r"), 0, whole, &n);
	struct lf_lines l;
	lf_lines_init(&l);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		m += lf_lines_put(&l, text + i, 1, pieces + m);
	m += lf_lines_end(&l, pieces + m);
	ck_assert_uint_eq(n, m);
	ck_assert(memcmp(whole, pieces, n) == 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("lf-lines");
	tcase_add_loop_test(t, maps_as_documented, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(t, comes_back, 0, 10);
	tcase_add_test(t, many_blocks_are_one);
	return unit_run_case("lf-lines", t);
}
