/* SPDX-License-Identifier: ISC
 *
 * Lines, commands, file names: the parsers of pop3d.
 */
#include "pop3d/maildir-entry.h"
#include "pop3d/pop3.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct {
	struct str line;
	enum pop3_state state;
	enum pop3_fault fault;
	enum pop3_verb verb;
	uint32_t message, lines;
	struct str text;
} commands[] = {
    {STR("STAT"), POP3_TRANSACTION, POP3_FINE, POP3_STAT, 0, 0, STR("")},
    {STR("stat "), POP3_TRANSACTION, POP3_FINE, POP3_STAT, 0, 0, STR("")},
    {STR("TOP 3 4"), POP3_TRANSACTION, POP3_FINE, POP3_TOP, 3, 4, STR("")},
    {STR("TOP  4294967295  0 "), POP3_TRANSACTION, POP3_FINE, POP3_TOP, UINT32_MAX, 0, STR("")},
    {STR("PASS a b "), POP3_AUTHORIZATION, POP3_FINE, POP3_PASS, 0, 0, STR("a b ")},
    {STR("PASS  x"), POP3_AUTHORIZATION, POP3_FINE, POP3_PASS, 0, 0, STR(" x")},
    {STR("LIST"), POP3_TRANSACTION, POP3_FINE, POP3_LIST, 0, 0, STR("")},
    {STR("LIST 7"), POP3_TRANSACTION, POP3_FINE, POP3_LIST, 7, 0, STR("")},
    {STR("PASS"), POP3_AUTHORIZATION, POP3_BAD_ARGUMENT, 0, 0, 0, STR("")},
    {STR("PASS "), POP3_AUTHORIZATION, POP3_BAD_ARGUMENT, 0, 0, 0, STR("")},
    {STR("PASS a\0b"), POP3_AUTHORIZATION, POP3_BAD_ARGUMENT, 0, 0, 0, STR("")},
    {STR("RETR 4294967296"), POP3_TRANSACTION, POP3_BAD_ARGUMENT, 0, 0, 0, STR("")},
    {STR("RETR 1x"), POP3_TRANSACTION, POP3_BAD_ARGUMENT, 0, 0, 0, STR("")},
    {STR("RETR\t1"), POP3_TRANSACTION, POP3_UNKNOWN, 0, 0, 0, STR("")},
    {STR("RETR 1\t"), POP3_TRANSACTION, POP3_FINE, POP3_RETR, 1, 0, STR("")},
    {STR(" STAT"), POP3_TRANSACTION, POP3_UNKNOWN, 0, 0, 0, STR("")},
    {STR(""), POP3_TRANSACTION, POP3_UNKNOWN, 0, 0, 0, STR("")},
    {STR("STATS"), POP3_TRANSACTION, POP3_UNKNOWN, 0, 0, 0, STR("")},
    {STR("STA"), POP3_TRANSACTION, POP3_UNKNOWN, 0, 0, 0, STR("")},
    {STR("STAT"), POP3_AUTHORIZATION, POP3_NOT_BEFORE_LOGIN, 0, 0, 0, STR("")},
    {STR("USER x"), POP3_TRANSACTION, POP3_NOT_AFTER_LOGIN, 0, 0, 0, STR("")},
    {STR("GET / HTTP/1.0"), POP3_AUTHORIZATION, POP3_HTTP, 0, 0, 0, STR("")},
    {STR("PRI * HTTP/2.0"), POP3_TRANSACTION, POP3_HTTP, 0, 0, 0, STR("")},
    {STR("get x"), POP3_AUTHORIZATION, POP3_UNKNOWN, 0, 0, 0, STR("")},
};

START_TEST(parses)
{
	struct pop3_command c;
	enum pop3_fault fault = pop3_parse(commands[_i].line, commands[_i].state, &c);
	ck_assert_uint_eq(fault, commands[_i].fault);
	if (fault != POP3_FINE)
		return;
	ck_assert_uint_eq(c.verb, commands[_i].verb);
	ck_assert_uint_eq(c.message, commands[_i].message);
	ck_assert_uint_eq(c.has_message, commands[_i].message != 0);
	ck_assert_uint_eq(c.lines, commands[_i].lines);
	ck_assert(str_eq(c.text, commands[_i].text));
}
END_TEST

/* Every prefix, in memory that ends where it ends, with every octet of it flipped. */
START_TEST(prefixes)
{
	struct str line = commands[_i].line;
	for (size_t n = 0; n <= line.n; n++) {
		char *copy = malloc(n + (n == 0));
		memcpy(copy, line.p, n);
		for (size_t i = 0; i <= n; i++) {
			struct pop3_command c;
			struct maildir_entry e;
			pop3_parse(str_from(copy, n), POP3_AUTHORIZATION, &c);
			pop3_parse(str_from(copy, n), POP3_TRANSACTION, &c);
			maildir_entry_parse(str_from(copy, n), &e);
			if (i < n)
				copy[i] = (char)~copy[i];
		}
		free(copy);
	}
}
END_TEST

START_TEST(lines)
{
	struct buf in = BUF_INIT(4096);
	struct str line;
	buf_append_str(&in, STR("a\r\nb\n\r\n\nc\r\r\nd\re\r\nrest"));
	static const char *const wanted[] = {"a", "b", "", "", "c\r", "d\re"};
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		ck_assert_uint_eq(pop3_take_line(&in, &line), POP3_LINE);
		ck_assert(str_eq(line, str_from_cstr(wanted[i])));
	}
	ck_assert_uint_eq(pop3_take_line(&in, &line), POP3_LINE_INCOMPLETE);
	ck_assert(str_eq(buf_str(&in), STR("rest")));
	buf_release(&in);
}
END_TEST

/* Exactly POP3_LINE_MAX octets are a line, with their line ending. */
START_TEST(longest_line)
{
	struct buf in = BUF_INIT(2 * POP3_LINE_MAX);
	struct str line;
	for (size_t i = 0; i < POP3_LINE_MAX - 1; i++)
		buf_append_u8(&in, 'x');
	ck_assert_uint_eq(pop3_take_line(&in, &line), POP3_LINE_INCOMPLETE);
	buf_append_u8(&in, _i == 0 ? '\n' : 'x');
	ck_assert_uint_eq(pop3_take_line(&in, &line), _i == 0 ? POP3_LINE : POP3_LINE_TOO_LONG);
	buf_release(&in);
}
END_TEST

static const struct {
	struct str name;
	bool message;
	uint64_t time;
	struct str unique;
	bool sized;
	uint64_t size;
} names[] = {
    {STR("1795473123.Q1-BC-0.mx.example.org,S=4200,W=4290:2,FS"), true, 1795473123,
	STR("1795473123.Q1-BC-0.mx.example.org"), true, 4290},
    {STR("1795473123.M1P2.host"), true, 1795473123, STR("1795473123.M1P2.host"), false, 0},
    {STR("1.a,S=5"), true, 1, STR("1.a"), false, 0},
    {STR("1.a,W=5,S=4:2,"), true, 1, STR("1.a"), true, 5},
    {STR("1.a,W=5,x"), true, 1, STR("1.a,W=5,x"), false, 0},
    {STR("1.a,W=:2,S"), true, 1, STR("1.a,W="), false, 0},
    {STR("1.a,W=5x"), true, 1, STR("1.a,W=5x"), false, 0},
    {STR("1.a,W=99999999999999999999"), true, 1, STR("1.a,W=99999999999999999999"), false, 0},
    {STR("1.a,,W=1"), true, 1, STR("1.a,"), true, 1},
    {STR("a"), true, 0, STR("a"), false, 0},
    {STR("99999999999.a"), true, 0, STR("99999999999.a"), false, 0},
    {STR("12"), true, 12, STR("12"), false, 0},
    {STR(".hidden"), false, 0, STR(""), false, 0},
    {STR(":2,S"), false, 0, STR(""), false, 0},
    {STR(",S=1,W=2:2,S"), false, 0, STR(""), false, 0},
    {STR(""), false, 0, STR(""), false, 0},
};

START_TEST(file_names)
{
	struct maildir_entry e;
	ck_assert_int_eq(maildir_entry_parse(names[_i].name, &e), names[_i].message);
	if (!names[_i].message)
		return;
	ck_assert_uint_eq(e.time, names[_i].time);
	ck_assert(str_eq(e.unique, names[_i].unique));
	ck_assert_int_eq(e.has_crlf_size, names[_i].sized);
	ck_assert_uint_eq(e.crlf_size, names[_i].sized ? names[_i].size : 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("pop3");
	tcase_add_loop_test(t, parses, 0, sizeof(commands) / sizeof(commands[0]));
	tcase_add_loop_test(t, prefixes, 0, sizeof(commands) / sizeof(commands[0]));
	tcase_add_test(t, lines);
	tcase_add_loop_test(t, longest_line, 0, 2);
	tcase_add_loop_test(t, file_names, 0, sizeof(names) / sizeof(names[0]));
	return unit_run_case("pop3", t);
}
