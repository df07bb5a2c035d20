/* SPDX-License-Identifier: ISC */
#include "deliver-remote/reply.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static enum reply_event feed_all(struct reply_parser *p, struct str in)
{
	enum reply_event last = REPLY_MORE;
	while (in.n > 0 && last != REPLY_DONE && last != REPLY_MALFORMED)
		last = reply_feed(p, &in);
	return in.n == 0 ? last : last == REPLY_DONE ? REPLY_MORE : last;
}

static const struct {
	const char *in;
	unsigned code;
	const char *enhanced, *text;
} good[] = {
    {"250 ok\r\n", 250, "", "250 ok"},
    {"250\r\n", 250, "", "250"},
    {"250 \r\n", 250, "", "250"},
    {"250\n", 250, "", "250"},
    {"550-5.1.1 no such\r\n550-5.1.1 user\r\n550 5.1.1 here\r\n", 550, "5.1.1",
	"550 5.1.1 no such user here"},
    {"550-a\r\n550 5.1.1 b\r\n", 550, "5.1.1", "550 a 5.1.1 b"},
    {"550-5.1.1 a\r\n550 5.2.2 b\r\n", 550, "5.1.1", "550 5.1.1 a 5.2.2 b"},
    {"550 4.1.1 x\r\n", 550, "", "550 4.1.1 x"},
    {"550 5.1 x\r\n", 550, "", "550 5.1 x"},
    {"550 5.1.1234 x\r\n", 550, "", "550 5.1.1234 x"},
    {"550 5.1.1x\r\n", 550, "", "550 5.1.1x"},
    {"550 5.100.999\r\n", 550, "5.100.999", "550 5.100.999"},
    {"250-\r\n250-\r\n250 x\r\n", 250, "", "250 x"},
    {"599 x\r\n", 599, "", "599 x"},
    {"250 a\tb\x7f\x80\r\n", 250, "", "250 a b??"},
    {"250 a\rb\r\r\n", 250, "", "250 a?b?"},
};

START_TEST(good_replies)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct reply_parser p;
		struct str in = unit_copy(str_from_cstr(good[i].in));
		reply_init(&p);
		ck_assert_int_eq(feed_all(&p, in), REPLY_DONE);
		ck_assert_uint_eq(p.code, good[i].code);
		ck_assert_str_eq(p.enhanced, good[i].enhanced);
		ck_assert_str(reply_text(&p), str_from_cstr(good[i].text));
		unit_free(in);
	}
}
END_TEST

/* No prefix is a reply, and cut anywhere the same comes of it. */
START_TEST(every_prefix_and_every_cut)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct str in = str_from_cstr(good[i].in);
		for (size_t n = 0; n < in.n; n++) {
			struct reply_parser p;
			struct str head = unit_copy(str_head(in, n)),
				   tail = unit_copy(str_skip(in, n));
			reply_init(&p);
			enum reply_event event = feed_all(&p, head);
			ck_assert(event == REPLY_MORE || event == REPLY_LINE);
			ck_assert(reply_is_partial(&p) == (n > 0));
			ck_assert_int_eq(feed_all(&p, tail), REPLY_DONE);
			ck_assert_str(reply_text(&p), str_from_cstr(good[i].text));
			ck_assert(!reply_is_partial(&p));
			unit_free(head);
			unit_free(tail);
		}
	}
}
END_TEST

static const char *const bad[] = {"25\r\n", "\r\n", "2500 x\r\n", "25x ok\r\n", " 250 ok\r\n",
    "250_ok\r\n", "199 x\r\n", "600 x\r\n", "000 x\r\n", "250-a\r\n251 b\r\n", "250-a\r\nx\r\n",
    "250-a\r\n\r\n", "-250 a\r\n", "250\ta\r\n", "HTTP/1.1 400 Bad\r\n"};

START_TEST(malformed_replies_leave_nothing)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct reply_parser p;
		reply_init(&p);
		ck_assert_int_eq(feed_all(&p, STR("550 5.1.1 before\r\n")), REPLY_DONE);
		ck_assert_msg(feed_all(&p, str_from_cstr(bad[i])) == REPLY_MALFORMED, "%s", bad[i]);
		ck_assert_uint_eq(p.code, 0);
		ck_assert_uint_eq(reply_text(&p).n, 0);
		ck_assert_str_eq(p.enhanced, "");
		ck_assert_int_eq(feed_all(&p, STR("250 ok\r\n")), REPLY_MALFORMED);
	}
}
END_TEST

static enum reply_event feed_times(struct reply_parser *p, struct str in, unsigned times)
{
	enum reply_event event = REPLY_MORE;
	for (unsigned i = 0; i < times && event != REPLY_MALFORMED; i++)
		event = feed_all(p, in);
	return event;
}

START_TEST(limits)
{
	struct reply_parser p;
	reply_init(&p);
	feed_all(&p, STR("250 "));
	ck_assert_int_eq(feed_times(&p, STR("x"), REPLY_LINE_MAX - 4), REPLY_MORE);
	ck_assert_int_eq(feed_all(&p, STR("\n")), REPLY_DONE);
	ck_assert_uint_eq(reply_text(&p).n, REMOTE_TEXT_MAX);
	ck_assert_uint_eq(reply_line(&p).n, 0);

	feed_all(&p, STR("250 "));
	ck_assert_int_eq(feed_times(&p, STR("x"), REPLY_LINE_MAX - 3), REPLY_MALFORMED);

	reply_init(&p);
	ck_assert_int_eq(feed_times(&p, STR("250-x\r\n"), REPLY_LINES_MAX - 1), REPLY_LINE);
	ck_assert_int_eq(feed_all(&p, STR("250 x\r\n")), REPLY_DONE);
	ck_assert_int_eq(feed_times(&p, STR("250-x\r\n"), REPLY_LINES_MAX), REPLY_LINE);
	ck_assert_int_eq(feed_all(&p, STR("250 x\r\n")), REPLY_MALFORMED);

	char line[1002];
	snprintf(line, sizeof(line), "250-%0995d\r\n", 0);
	reply_init(&p);
	ck_assert_int_eq(feed_times(&p, str_from_cstr(line), 16), REPLY_LINE);
	ck_assert_int_eq(feed_all(&p, str_from_cstr(line)), REPLY_MALFORMED);
}
END_TEST

START_TEST(lines_are_given_one_by_one)
{
	struct reply_parser p;
	struct str in = STR("250-first\r\n250-SIZE 5\r\n250 last\r\n250 next\r\n");
	reply_init(&p);
	ck_assert_int_eq(reply_feed(&p, &in), REPLY_LINE);
	ck_assert_str(reply_line(&p), STR("first"));
	ck_assert_int_eq(reply_feed(&p, &in), REPLY_LINE);
	ck_assert_str(reply_line(&p), STR("SIZE 5"));
	ck_assert_int_eq(reply_feed(&p, &in), REPLY_DONE);
	ck_assert_str(reply_line(&p), STR("last"));
	ck_assert_str(in, STR("250 next\r\n"));
	ck_assert_int_eq(reply_feed(&p, &in), REPLY_DONE);
	ck_assert_str(reply_text(&p), STR("250 next"));
	ck_assert_int_eq(reply_feed(&p, &in), REPLY_MORE);
}
END_TEST

UNIT_MAIN("client reply", good_replies, every_prefix_and_every_cut, malformed_replies_leave_nothing,
    limits, lines_are_given_one_by_one)
