/* SPDX-License-Identifier: ISC */
#include "common/header.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <time.h>

static const struct {
	struct str in;
	size_t header; /* octets with the empty line */
	size_t count;
	struct {
		struct str name, value;
	} fields[4];
} rows[] = {
    {STR("A: b\r\n\r\nbody\r\n"), 8, 1, {{STR("A"), STR(" b\r\n")}}},
    {STR("A: b\n\nbody\n"), 6, 1, {{STR("A"), STR(" b\n")}}},
    {STR("A: b\r\n c\r\n\td\r\nE:f\r\n\r\n"), 21, 2,
	{{STR("A"), STR(" b\r\n c\r\n\td\r\n")}, {STR("E"), STR("f\r\n")}}},
    {STR("A : b\r\n\r\n"), 9, 1, {{STR("A"), STR(" b\r\n")}}},
    {STR("A:\r\n\r\n"), 6, 1, {{STR("A"), STR("\r\n")}}},
    {STR("A:"), 2, 1, {{STR("A"), STR("")}}},
    {STR("A"), 1, 1, {{STR(""), STR("")}}},
    {STR("A: b"), 4, 1, {{STR("A"), STR(" b")}}},
    {STR("\r\nbody"), 2, 0, {{{0}, {0}}}},
    {STR("\nbody"), 1, 0, {{{0}, {0}}}},
    {STR(""), 0, 0, {{{0}, {0}}}},
    {STR(" folded at the start: x\r\nA: b\r\n\r\n"), 33, 2,
	{{STR(""), STR("")}, {STR("A"), STR(" b\r\n")}}},
    {STR("From a@b Mon Nov 23 22:12:54 2026\r\nA: b\r\n\r\n"), 43, 2,
	{{STR(""), STR("")}, {STR("A"), STR(" b\r\n")}}},
    {STR("no colon\r\n at: all\r\nA: b\r\n\r\n"), 28, 2,
	{{STR(""), STR("")}, {STR("A"), STR(" b\r\n")}}},
    {STR(": b\r\nA: b\r\n\r\n"), 13, 2, {{STR(""), STR("")}, {STR("A"), STR(" b\r\n")}}},
    {STR("A\0: b\r\n\r\n"), 9, 1, {{STR(""), STR("")}}},
    {STR("\xc3\xa9: b\r\n\r\n"), 9, 1, {{STR(""), STR("")}}},
    {STR("A: b\r\r\n\r\n"), 9, 1, {{STR("A"), STR(" b\r\r\n")}}},
    {STR("A: b\r\n\r\r\nC: d\r\n\r\n"), 17, 3,
	{{STR("A"), STR(" b\r\n")}, {STR(""), STR("")}, {STR("C"), STR(" d\r\n")}}},
    {STR("A: b\r\n \r\nC: d\r\n\r\n"), 17, 2,
	{{STR("A"), STR(" b\r\n \r\n")}, {STR("C"), STR(" d\r\n")}}},
    {STR("A: b\rc: d\r\n\r\n"), 13, 1, {{STR("A"), STR(" b\rc: d\r\n")}}},
    {STR("A: x:y\r\n\r\n"), 10, 1, {{STR("A"), STR(" x:y\r\n")}}},
};

static void check_fields(size_t row, struct str in)
{
	struct str rest = in;
	struct header_field f;
	size_t octets = 0;
	for (size_t k = 0; k < rows[row].count; k++) {
		ck_assert_msg(header_next(&rest, &f), "row %zu, field %zu", row, k);
		ck_assert_str(f.name, rows[row].fields[k].name);
		if (f.name.n > 0)
			ck_assert_str(f.value, rows[row].fields[k].value);
		ck_assert_str(f.whole, str_head(str_skip(in, octets), f.whole.n));
		octets += f.whole.n;
		ck_assert_uint_eq(rest.n, in.n - octets);
	}
	ck_assert_msg(!header_next(&rest, &f), "row %zu", row);
	ck_assert_uint_eq(rest.n, in.n - octets);
}

START_TEST(fields_are_found)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str in = unit_copy(rows[i].in);
		check_fields(i, in);
		ck_assert_uint_eq(header_length(in), rows[i].header);
		unit_free(in);
	}
}
END_TEST

START_TEST(every_prefix_is_walked_to_its_end)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t cut = 0; cut < rows[i].in.n; cut++) {
			struct str in = unit_copy(str_head(rows[i].in, cut));
			struct str rest = in;
			struct header_field f;
			while (header_next(&rest, &f))
				ck_assert_uint_gt(f.whole.n, 0);
			ck_assert_uint_le(header_length(in), cut);
			unit_free(in);
		}
	}
}
END_TEST

START_TEST(the_writer_lets_no_line_through)
{
	struct buf b = BUF_INIT(64);
	ck_assert(header_put(&b, "Subject", STR("a\r\nBcc: x\0y\x7fz\tw")));
	ck_assert_str(buf_str(&b), STR("Subject: a??Bcc: x?y?z\tw\r\n"));
	buf_reset(&b);
	ck_assert(header_put(&b, "X", STR("\xc3\xa9")));
	ck_assert_str(buf_str(&b), STR("X: \xc3\xa9\r\n"));
	buf_reset(&b);
	ck_assert(header_put(&b, "X", (struct str){NULL, 0}));
	ck_assert_str(buf_str(&b), STR("X: \r\n"));
	buf_reset(&b);
	ck_assert(!header_put(&b, "X",
	    STR("0123456789012345678901234567890123456789012345678901234567890123456789")));
	ck_assert_uint_eq(buf_len(&b), 0);
	buf_release(&b);
}
END_TEST

static const struct {
	const char *zone;
	uint64_t ms;
	const char *date;
} dates[] = {
    {"UTC0", 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
    {"UTC0", 1795471974123, "Mon, 23 Nov 2026 22:12:54 +0000"},
    {"UTC0", 4294967296000, "Sun, 7 Feb 2106 06:28:16 +0000"},
    {"CET-1CEST,M3.5.0,M10.5.0/3", 1795471974123, "Mon, 23 Nov 2026 23:12:54 +0100"},
    {"CET-1CEST,M3.5.0,M10.5.0/3", 1782000000000, "Sun, 21 Jun 2026 02:00:00 +0200"},
    {"NST3:30", 1795471974123, "Mon, 23 Nov 2026 18:42:54 -0330"},
    {"UTC0", UINT64_MAX, "Thu, 30 Dec 9999 23:59:59 +0000"},
};

START_TEST(dates_are_those_of_rfc_5322)
{
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		char date[HEADER_DATE_SIZE];
		setenv("TZ", dates[i].zone, 1);
		tzset();
		header_date(dates[i].ms, date);
		ck_assert_str_eq(date, dates[i].date);
	}
}
END_TEST

UNIT_MAIN("header", fields_are_found, every_prefix_is_walked_to_its_end,
    the_writer_lets_no_line_through, dates_are_those_of_rfc_5322)
