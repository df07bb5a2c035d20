/* SPDX-License-Identifier: ISC
 *
 * What SMTP took, stored by deliver-local's mapping and sent by pop3d's, must be
 * what SMTP took.
 */
#include "pop3d/pop3-text.h"
#include "common/str.h"
#include "deliver-local/lf-lines.h"
#include "tests/unit/unit.h"


enum { N = 64 };

static size_t store(const char *smtp, size_t n, char *file, struct lf_lines *l)
{
	lf_lines_init(l);
	size_t split = n == 0 ? 0 : (size_t)random() % n;
	size_t out = lf_lines_put(l, smtp, split, file);
	out += lf_lines_put(l, smtp + split, n - split, file + out);
	return out + lf_lines_end(l, file + out);
}

static size_t send_split(const char *file, size_t n, size_t split, uint64_t lines, char *wire)
{
	struct pop3_text t;
	pop3_text_init(&t, lines);
	size_t out = pop3_text_put(&t, file, split, wire);
	out += pop3_text_put(&t, file + split, n - split, wire + out);
	return out + pop3_text_end(&t, wire + out);
}

/* What a client makes of it, RFC 1939 §3; SIZE_MAX when it is not well formed. */
static size_t receive(const char *wire, size_t n, char *out)
{
	size_t at = 0;
	struct str rest = {wire, n};
	while (rest.n > 0) {
		size_t lf = 0;
		while (lf < rest.n && !(rest.p[lf] == '\n' && lf > 0 && rest.p[lf - 1] == '\r'))
			lf++;
		if (lf == rest.n)
			return SIZE_MAX;
		if (lf == 2 && rest.p[0] == '.')
			return rest.n == 3 ? at : SIZE_MAX;
		size_t skip = rest.p[0] == '.';
		memcpy(out + at, rest.p + skip, lf + 1 - skip);
		at += lf + 1 - skip;
		rest = str_skip(rest, lf + 1);
	}
	return SIZE_MAX;
}

static size_t make_content(char *to)
{
	static const char octets[] = {'\r', '\n', '.', 'a', '\r', '\n', '\n', '\0'};
	size_t n = (size_t)random() % N;
	for (size_t i = 0; i < n; i++) {
		to[i] = octets[random() % (long)sizeof(octets)];
		if (to[i] == '\n' && (i == 0 || to[i - 1] != '\r'))
			to[i] = '\r';
	}
	return n;
}

START_TEST(what_went_in_comes_out)
{
	char smtp[N], file[2 * N], wire[4 * N + 8], got[4 * N + 8];
	struct lf_lines l;
	srandom((unsigned)_i);
	for (int round = 0; round < (int)unit_times(5000); round++) {
		size_t n = make_content(smtp);
		size_t stored = store(smtp, n, file, &l);
		size_t split = stored == 0 ? 0 : (size_t)random() % stored;
		size_t sent = send_split(file, stored, split, POP3_TEXT_ALL, wire);
		size_t received = receive(wire, sent, got);
		bool ended = n == 0 || smtp[n - 1] == '\n';
		ck_assert_uint_eq(received, n + (ended ? 0 : 2));
		ck_assert(memcmp(got, smtp, n) == 0);
		ck_assert_uint_eq(l.crlf_octets, received);
	}
}
END_TEST

/* The size that is measured is that which is sent, whatever lies in the file. */
START_TEST(measures_what_it_sends)
{
	static const char octets[] = {'\r', '\n', '.', 'a'};
	char file[N], wire[2 * N + 8], got[2 * N + 8];
	srandom((unsigned)_i);
	for (int round = 0; round < (int)unit_times(5000); round++) {
		size_t n = (size_t)random() % N;
		for (size_t i = 0; i < n; i++)
			file[i] = octets[random() % 4];
		size_t split = n == 0 ? 0 : (size_t)random() % n;
		size_t sent = send_split(file, n, split, POP3_TEXT_ALL, wire);
		struct pop3_measure m = {.octets = 0};
		pop3_measure_put(&m, file, split);
		pop3_measure_put(&m, file + split, n - split);
		ck_assert_uint_eq(receive(wire, sent, got), pop3_measure_end(&m));
		char again[2 * N + 8];
		ck_assert_uint_eq(send_split(file, n, 0, POP3_TEXT_ALL, again), sent);
		ck_assert(memcmp(again, wire, sent) == 0);
	}
}
END_TEST

static const struct {
	struct str file;
	uint64_t lines;
	struct str wire;
} tops[] = {
    {STR("A: b\n\n1\n2\n"), 0, STR("A: b\r\n\r\n.\r\n")},
    {STR("A: b\n\n1\n2\n"), 1, STR("A: b\r\n\r\n1\r\n.\r\n")},
    {STR("A: b\n\n1\n2"), 2, STR("A: b\r\n\r\n1\r\n2\r\n.\r\n")},
    {STR("A: b\n\n1\n2\n"), 9, STR("A: b\r\n\r\n1\r\n2\r\n.\r\n")},
    {STR("A: b\n"), 0, STR("A: b\r\n.\r\n")},
    {STR("A: b\r\n\r\n1\r\n"), 0, STR("A: b\r\n\r\n.\r\n")},
    {STR("\n.\n"), 1, STR("\r\n..\r\n.\r\n")},
    {STR("\r\r\n\nx\n"), 0, STR("\r\r\n\r\n.\r\n")},
    {STR(""), 0, STR(".\r\n")},
};

START_TEST(top)
{
	char wire[64];
	for (size_t split = 0; split <= tops[_i].file.n; split++) {
		size_t n =
		    send_split(tops[_i].file.p, tops[_i].file.n, split, tops[_i].lines, wire);
		ck_assert_uint_eq(n, tops[_i].wire.n);
		ck_assert(memcmp(wire, tops[_i].wire.p, n) == 0);
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("pop3-text");
	tcase_add_loop_test(t, what_went_in_comes_out, 0, 10);
	tcase_add_loop_test(t, measures_what_it_sends, 0, 10);
	tcase_add_loop_test(t, top, 0, sizeof(tops) / sizeof(tops[0]));
	return unit_run_case("pop3-text", t);
}
