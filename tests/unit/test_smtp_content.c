/* SPDX-License-Identifier: ISC
 *
 * The content scanner against a slow one that looks at each octet, on every short
 * text of the octets that matter, however it is cut; the ends of data that others
 * were fooled by; every limit.
 */
#include "smtpd/content.h"
#include "common/buf.h"
#include "tests/unit/unit.h"


static const struct content_limits wide = {
    .size_max = UINT64_MAX, .header_max = UINT32_MAX, .hops_max = UINT32_MAX};

struct result {
	enum content_event event;
	size_t used; /* input consumed when the event came */
	struct buf kept;
};

static void free_result(struct result *r)
{
	buf_release(&r->kept);
}

/* ---- the slow one ------------------------------------------------------------ */

static char at(struct str in, size_t i)
{
	return i < in.n ? in.p[i] : 'e'; /* an end of input is an ordinary octet that never comes */
}

static void put(struct result *r, char c)
{
	buf_append_u8(&r->kept, (uint8_t)c);
}

/* Whole input, looking ahead as far as it likes. */
static struct result look(struct str in, bool dots, bool repair)
{
	struct result r = {.kept = BUF_INIT(SIZE_MAX / 2)};
	bool start = true, after_crlf = true;
	size_t i = 0;
	while (i < in.n) {
		bool crlf = at(in, i) == '\r' && at(in, i + 1) == '\n';
		if (start && dots && at(in, i) == '.') {
			bool cut = i + 1 >= in.n || (at(in, i + 1) == '\r' && i + 2 >= in.n);
			if (cut)
				break; /* cannot be judged yet */
			bool dot_crlf = at(in, i + 1) == '\r' && at(in, i + 2) == '\n';
			if (dot_crlf && after_crlf) {
				r.event = CONTENT_END;
				r.used = i + 3;
				return r;
			}
			if (dot_crlf || at(in, i + 1) == '\n')
				put(&r, '.');
			start = false;
			i++;
		} else if (crlf) {
			put(&r, '\r');
			put(&r, '\n');
			start = after_crlf = true;
			i += 2;
		} else if (at(in, i) == '\r' && i + 1 >= in.n) {
			break;
		} else if (at(in, i) == '\r' || at(in, i) == '\n') {
			bool cr = at(in, i) == '\r';
			if (!repair) {
				r.event = cr ? CONTENT_BARE_CR : CONTENT_BARE_LF;
				return r;
			}
			if (cr) {
				put(&r, ' ');
				start = false;
			} else {
				put(&r, '\r');
				put(&r, '\n');
				start = true;
				after_crlf = false;
			}
			i++;
		} else {
			put(&r, at(in, i));
			start = false;
			i++;
		}
	}
	r.used = in.n;
	return r;
}

/* ---- the real one ------------------------------------------------------------ */

static void scan(struct content *c, struct str in, struct result *r)
{
	while (in.n > 0 && c->event == CONTENT_MORE) {
		struct str keep;
		size_t n = content_scan(c, in, &keep);
		r->used += n;
		buf_append_str(&r->kept, keep);
		in = str_skip(in, n);
	}
	r->event = c->event;
}

static struct result scan_cut(struct str in, bool dots, bool repair, size_t cut)
{
	struct content c;
	struct result r = {.kept = BUF_INIT(SIZE_MAX / 2)};
	content_init(&c, &wide, dots, repair);
	if (cut == SIZE_MAX) {
		for (size_t i = 0; i < in.n; i++)
			scan(&c, str_from(in.p + i, 1), &r);
	} else {
		scan(&c, str_head(in, cut), &r);
		scan(&c, str_skip(in, cut), &r);
	}
	ck_assert_uint_eq(c.size, buf_len(&r.kept));
	return r;
}

static void compare(struct str in, bool dots, bool repair)
{
	struct result should = look(in, dots, repair);
	for (size_t cut = 0; cut <= in.n + 1; cut++) {
		struct result is = scan_cut(in, dots, repair, cut > in.n ? SIZE_MAX : cut);
		ck_assert_int_eq(is.event, should.event);
		if (should.event == CONTENT_END || should.event == CONTENT_MORE) {
			ck_assert(str_eq(buf_str(&is.kept), buf_str(&should.kept)));
			ck_assert_uint_eq(is.used, should.used);
		}
		free_result(&is);
	}
	free_result(&should);
}

START_TEST(every_short_text)
{
#ifdef WITH_SANITIZERS
	enum { LENGTH = 5 };
#else
	enum { LENGTH = 7 };
#endif
	static const char octets[] = "\r\n.x";
	char text[LENGTH];
	bool dots = (_i & 1) != 0, repair = (_i & 2) != 0;
	for (unsigned n = 0; n <= LENGTH - (unit_wants_few_rounds() ? 3 : 0); n++)
		for (unsigned k = 0; k < 1U << (2 * n); k++) {
			for (unsigned i = 0; i < n; i++)
				text[i] = octets[k >> (2 * i) & 3];
			compare(str_from(text, n), dots, repair);
		}
}
END_TEST

static bool ends_line(struct str s, bool repair)
{
	return s.n >= 2 && memcmp(s.p + s.n - 2, "\r\n", 2) == 0 &&
	       (repair || s.p[0] != '\r' || s.n == 2);
}

/* Every would-be end of data, at the start and behind a line, with a command behind it. */
START_TEST(only_crlf_dot_crlf_ends)
{
	static const struct str parts[] = {{"\r\n", 2}, {"\n", 1}, {"\r", 1}, {"\r\r\n", 3},
	    {"\n\r", 2}, {"\0", 1}, {"\r\0\n", 3}, {"\r\n\0", 3}, {"\x0b", 1}, {"\x85", 1},
	    {"\xe2\x80\xa8", 3}, {" \r\n", 3}, {"\r\n ", 3}, {"", 0}};
	enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
	for (size_t before = 0; before < PARTS; before++)
		for (size_t after = 0; after < PARTS; after++)
			for (int dots = 1; dots <= 2; dots++) {
				struct buf text = BUF_INIT(1024);
				buf_append_str(&text, STR("text"));
				buf_append_str(&text, parts[before]);
				buf_append(&text, "..", (size_t)dots);
				buf_append_str(&text, parts[after]);
				buf_append_str(&text, STR("MAIL FROM:<evil@client.example>\r\n"));
				for (int repair = 0; repair < 2; repair++) {
					struct result r =
					    scan_cut(buf_str(&text), true, repair, SIZE_MAX);
					bool end = dots == 1 && ends_line(parts[before], repair) &&
						   str_has_prefix(parts[after], STR("\r\n"));
					ck_assert_int_eq(r.event == CONTENT_END, end);
					free_result(&r);
					compare(buf_str(&text), true, repair);
					compare(buf_str(&text), false, repair);
				}
				buf_release(&text);
			}
}
END_TEST

START_TEST(last_line_is_finished)
{
	static const struct {
		const char *in, *out;
		bool repair;
		enum content_event event;
	} cases[] = {
	    {"", "", false, CONTENT_MORE},
	    {"x\r\n", "x\r\n", false, CONTENT_MORE},
	    {"x", "x\r\n", false, CONTENT_MORE},
	    {"x\r\n.", "x\r\n.\r\n", false, CONTENT_MORE},
	    {"x\r", "x", false, CONTENT_BARE_CR},
	    {"x\r", "x \r\n", true, CONTENT_MORE},
	    {"x\n", "x\r\n", true, CONTENT_MORE},
	    {"\r", " \r\n", true, CONTENT_MORE},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct content c;
		struct result r = {.kept = BUF_INIT(1024)};
		struct str keep;
		content_init(&c, &wide, false, cases[i].repair);
		scan(&c, str_from_cstr(cases[i].in), &r);
		do {
			content_finish(&c, &keep);
			buf_append_str(&r.kept, keep);
		} while (keep.n > 0);
		ck_assert(str_eq(buf_str(&r.kept), str_from_cstr(cases[i].out)));
		ck_assert_int_eq(c.event, cases[i].event);
		free_result(&r);
	}
}
END_TEST

static enum content_fault fault_of(struct str in, const struct content_limits *limits)
{
	enum content_fault fault = CONTENT_OK;
	const size_t piece = unit_wants_few_rounds() ? 1 + in.n / 1000 : 1;
	for (int octets = 0; octets < 2; octets++) {
		struct content c;
		struct result r = {.kept = BUF_INIT(SIZE_MAX / 2)};
		content_init(&c, limits, true, false);
		if (octets)
			for (size_t i = 0; i < in.n; i += piece)
				scan(&c, str_head(str_skip(in, i), piece), &r);
		else
			scan(&c, in, &r);
		ck_assert(octets == 0 || fault == c.fault);
		fault = c.fault;
		free_result(&r);
	}
	return fault;
}

START_TEST(hops)
{
	static const struct {
		const char *in;
		unsigned hops;
	} cases[] = {
	    {"Received: x\r\nReceived: y\r\n\r\n", 2},
	    {"received:x\r\nRECEIVED :y\r\nreceived\t:z\r\n\r\n", 3},
	    {"Received: x\r\n\tfolded\r\n Received: folded\r\nReceived: y\r\n\r\n", 2},
	    {"X-Received: x\r\nReceive: x\r\nReceivedx: x\r\nRe ceived: x\r\nReceived: no\r\n\r\n",
		0},
	    {"Received: x\r\n\r\nReceived: body\r\n", 1},
	    {"no field\r\nReceived: body\r\n", 0},
	    {"From a@b Mon\r\nReceived: body\r\n", 0},
	    {"Subject\r\nReceived: body\r\n", 0},
	    {"S\303\274bject: x\r\nReceived: body\r\n", 0},
	    {":\r\nReceived: x\r\n\r\n", 1},
	    {".Received: stuffed\r\n\r\n", 1},
	    {"Received: half", 1},
	    {"Received", 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct content_limits limits = wide;
		if (cases[i].hops > 0) {
			limits.hops_max = cases[i].hops - 1;
			ck_assert_int_eq(
			    fault_of(str_from_cstr(cases[i].in), &limits), CONTENT_LOOPS);
		}
		limits.hops_max = cases[i].hops;
		ck_assert_int_eq(fault_of(str_from_cstr(cases[i].in), &limits), CONTENT_OK);
	}
}
END_TEST

START_TEST(sizes)
{
	struct content_limits limits = wide;
	limits.size_max = 5;
	ck_assert_int_eq(fault_of(STR("abc\r\n.\r\n"), &limits), CONTENT_OK);
	ck_assert_int_eq(fault_of(STR("abcd\r\n.\r\n"), &limits), CONTENT_TOO_BIG);
	ck_assert_int_eq(fault_of(STR("..ab\r\n.\r\n"), &limits), CONTENT_OK);
	limits = wide;
	limits.header_max = 6;
	ck_assert_int_eq(fault_of(STR("a: b\r\n\r\n.\r\n"), &limits), CONTENT_OK);
	ck_assert_int_eq(fault_of(STR("a: bcd\r\n\r\n.\r\n"), &limits), CONTENT_HEADER_TOO_BIG);
	ck_assert_int_eq(fault_of(STR("a: b\r\n\r\nlong body\r\n.\r\n"), &limits), CONTENT_OK);
	ck_assert_int_eq(fault_of(STR("a: b\r\ntext\r\nlong body\r\n.\r\n"), &limits), CONTENT_OK);
}
END_TEST

START_TEST(lines)
{
	static char text[CONTENT_LINE_MAX + 3];
	memset(text, 'x', sizeof(text));
	memcpy(text + CONTENT_LINE_MAX, "\r\n", 2);
	ck_assert_int_eq(fault_of(str_from(text, CONTENT_LINE_MAX + 2), &wide), CONTENT_OK);
	memcpy(text + CONTENT_LINE_MAX, "x\r\n", 3);
	ck_assert_int_eq(
	    fault_of(str_from(text, CONTENT_LINE_MAX + 3), &wide), CONTENT_LINE_TOO_LONG);
	struct content c;
	struct result r = {.kept = BUF_INIT(SIZE_MAX / 2)};
	content_init(&c, &wide, true, false);
	memcpy(text + 998, "\r\n", 2);
	memcpy(text + 1999, "\r\n", 2);
	scan(&c, str_from(text, 2001), &r);
	ck_assert_uint_eq(c.long_lines, 1);
	free_result(&r);
}
END_TEST

/* Calls are counted, not time: whatever the text, there are at most a few for each line ending. */
START_TEST(work_is_linear)
{
	static const char *const shapes[] = {
	    "\r", "\n", ".\r\n", "..\r\n", "\r\n", "x\r\n", "a\nb\r"};
	enum { SIZE = 64 * 1024 };
	static char text[SIZE];
	const size_t size = unit_times(SIZE);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		size_t n = strlen(shapes[i]), calls = 0;
		for (size_t k = 0; k < size; k++)
			text[k] = shapes[i][k % n];
		struct content c;
		struct str in = str_from(text, size), keep;
		content_init(&c, &wide, false, true);
		while (in.n > 0) {
			in = str_skip(in, content_scan(&c, in, &keep));
			calls++;
		}
		ck_assert_uint_le(calls, 2 * size + 2);
		ck_assert_uint_le(c.size, 2 * size + 2);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("content");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, every_short_text, 0, 4);
	tcase_add_test(tcase, only_crlf_dot_crlf_ends);
	tcase_add_test(tcase, last_line_is_finished);
	tcase_add_test(tcase, hops);
	tcase_add_test(tcase, sizes);
	tcase_add_test(tcase, lines);
	tcase_add_test(tcase, work_is_linear);
	return unit_run_case("smtp content", tcase);
}
