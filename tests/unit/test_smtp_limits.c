/* SPDX-License-Identifier: ISC
 *
 * Every limit of a session, at its default: the last that is taken, and the first
 * that is not. And what many small things cost.
 */
#include "tests/unit/smtp-harness.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct harness h;

static void begin(void)
{
	harness_init(&h);
	harness_start(&h);
	harness_feed(&h, STR("EHLO client.example\r\n"));
	buf_reset(&h.out);
}

static void end(void)
{
	ck_assert_ptr_null(harness_check(&h));
	harness_free(&h);
}

static void say(const char *text)
{
	harness_feed(&h, str_from_cstr(text));
}

/* The next line of what was said. */
static void expect(const char *prefix)
{
	struct str out = buf_str(&h.out);
	size_t n = str_find(out, '\n');
	ck_assert_msg(str_has_prefix(out, str_from_cstr(prefix)), "\"%.*s\", not \"%s\"",
	    STR_ARG(str_head(out, n)), prefix);
	buf_consume(&h.out, n + 1);
}

static void repeat(const char *text, size_t times)
{
	struct buf b = BUF_INIT(SIZE_MAX / 2);
	for (size_t i = 0; i < times; i++)
		buf_append_str(&b, str_from_cstr(text));
	harness_feed(&h, buf_str(&b));
	buf_release(&b);
}

static void envelope(void)
{
	say("MAIL FROM:<a@client.example>\r\nRCPT TO:<ann@example.org>\r\n");
	expect("250 2.1.0");
	expect("250 2.1.5");
}

static void data(void)
{
	envelope();
	say("DATA\r\n");
	expect("354 ");
}

/* 64 octets */
#define LINE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"

START_TEST(message_size)
{
	const size_t size = unit_times(50 * 1024) * 1024;
	begin();
	if (unit_wants_few_rounds())
		h.policy.message_max = size; /* else it is that already */
	data();
	repeat(LINE, size / 64);
	say(".\r\n");
	expect("250 2.0.0");
	ck_assert_uint_gt(buf_len(&h.content), size);
	data();
	repeat(LINE, size / 64);
	say("\r\n.\r\n");
	expect("552 5.3.4");
	ck_assert_uint_eq(h.messages, 1);
	end();
}
END_TEST

/* Refused content is read to its end, but not for ever. */
START_TEST(discarded_content)
{
	for (int bdat = 0; bdat < 2; bdat++) {
		begin();
		h.policy.message_max = 64 * 1024;
		if (bdat) {
			envelope();
			for (int i = 0; i < 20 && !smtp_server_is_closed(&h.server); i++) {
				say("BDAT 1048576\r\n");
				repeat(LINE, 16384);
			}
			expect("552 5.3.4");
			ck_assert(!smtp_server_is_closed(&h.server));
			expect("503 5.5.1");
		} else {
			data();
			repeat(LINE, (64 * 1024 + CONTENT_DISCARD_MAX) / 64 + 1024);
			expect("552 5.3.4");
			expect("421 4.7.0");
			ck_assert(smtp_server_is_closed(&h.server));
		}
		end();
	}
}
END_TEST

START_TEST(recipients)
{
	begin();
	say("MAIL FROM:<a@client.example>\r\n");
	expect("250 ");
	for (int i = 0; i < 1000; i++) {
		say("RCPT TO:<team@example.org>\r\n");
		expect("250 2.1.5");
	}
	say("RCPT TO:<cy@example.org>\r\n");
	expect("452 4.5.3");
	say("BDAT 0 LAST\r\n");
	expect("250 ");
	ck_assert_uint_eq(h.recipient_count, 2);
	end();
}
END_TEST

START_TEST(refused_recipients)
{
	for (int own = 0; own < 2; own++) {
		begin();
		h.server.own_network = own;
		say("MAIL FROM:<a@client.example>\r\n");
		expect("250 ");
		for (int i = 0; i < REFUSED_RCPTS_MAX; i++) {
			say("RCPT TO:<nobody@example.org>\r\n");
			expect("550 5.1.1");
		}
		ck_assert_int_eq(smtp_server_is_closed(&h.server), !own);
		if (!own)
			expect("421 4.7.0 mx.example.org Too many recipients refused");
		end();
	}
}
END_TEST

START_TEST(bad_commands)
{
	begin();
	for (int i = 0; i < 10; i++) {
		ck_assert(!smtp_server_is_closed(&h.server));
		say("XYZZY\r\n");
		expect("500 ");
	}
	expect("421 4.7.0");
	ck_assert(smtp_server_is_closed(&h.server));
	end();
}
END_TEST

START_TEST(command_rate)
{
	begin();
	/* Mail does not count, nor does another minute. */
	for (int i = 0; i < 3000; i++) {
		envelope();
		say("BDAT 0 LAST\r\nRSET\r\n");
		expect("250 2.0.0 Ok: queued");
		expect("250 ");
		if (i % 900 == 0)
			h.server.mails = 0;
	}
	h.now_ms += 60 * 1000;
	repeat("NOOP\r\n", 1200);
	h.now_ms += 60 * 1000;
	repeat("NOOP\r\n", 1200);
	ck_assert(!smtp_server_is_closed(&h.server));
	repeat("NOOP\r\n", 1);
	ck_assert(smtp_server_is_closed(&h.server));
	end();
}
END_TEST

START_TEST(messages)
{
	begin();
	for (int i = 0; i < 1000; i++) {
		say("MAIL FROM:<a@client.example>\r\nRSET\r\n");
		expect("250 2.1.0");
		expect("250 2.0.0");
	}
	say("MAIL FROM:<a@client.example>\r\n");
	expect("421 4.7.0 mx.example.org Too many messages");
	end();
}
END_TEST

START_TEST(header_size)
{
	begin();
	for (unsigned over = 0; over < 2; over++) {
		data();
		repeat("X: " LINE, 3912);
		repeat("x", 256 * 1024 - 3912 * 67 - 3 + over);
		say(":\r\n\r\nbody\r\n.\r\n");
		expect(over ? "552 5.3.4 Message header" : "250 2.0.0");
	}
	end();
}
END_TEST

START_TEST(hops)
{
	begin();
	for (unsigned over = 0; over < 2; over++) {
		data();
		repeat("Received: x\r\n", 50 + over);
		say("\r\n.\r\n");
		expect(over ? "554 5.4.6" : "250 2.0.0");
	}
	end();
}
END_TEST

START_TEST(line_length)
{
	begin();
	for (unsigned over = 0; over < 2; over++) {
		data();
		repeat("x", CONTENT_LINE_MAX + over);
		say("\r\n.\r\n");
		expect(over ? "554 5.6.0" : "250 2.0.0");
	}
	end();
}
END_TEST

START_TEST(command_line)
{
	begin();
	for (unsigned over = 0; over < 2; over++) {
		say("NOOP ");
		repeat("x", COMMAND_LINE_MAX - 7 + over);
		say("\r\n");
		expect(over ? "500 5.5.2 Command line too long" : "250 ");
	}
	repeat("x", COMMAND_LINE_MAX + COMMAND_DISCARD_MAX - 1);
	expect("500 5.5.2");
	ck_assert(!smtp_server_is_closed(&h.server));
	say("x");
	expect("421 4.7.0");
	end();
}
END_TEST

/* Postfix 2026: many chunks of one octet must leave nothing behind but their octets. */
START_TEST(small_chunks)
{
	enum { CHUNKS = 60000 };
	begin();
	envelope();
	size_t pool = pool_used(h.server.txn.pool);
	unsigned rate = h.server.rate_count;
	for (int i = 0; i < (int)unit_times(CHUNKS); i++) {
		say(i % 64 == 62 ? "BDAT 1\r\n\r" : i % 64 == 63 ? "BDAT 1\r\n\n" : "BDAT 1\r\nx");
		expect("250 ");
	}
	ck_assert_uint_eq(pool_used(h.server.txn.pool), pool);
	ck_assert_uint_eq(h.server.rate_count, rate);
	ck_assert_uint_lt(buf_len(&h.server.txn.body), CHUNKS + 512);
	say("BDAT 0 LAST\r\n");
	expect("250 2.0.0 Ok: queued");
	end();
}
END_TEST

/* Replies that are not taken stop the input from being taken. */
START_TEST(reply_backlog)
{
	begin();
	struct buf many = BUF_INIT(SIZE_MAX / 2);
	for (int i = 0; i < 10000; i++)
		buf_append_str(&many, STR("HELP\r\n"));
	size_t used = smtp_server_feed(&h.server, buf_str(&many));
	ck_assert_uint_lt(used, buf_len(&many));
	ck_assert_uint_lt(buf_len(&h.replies), REPLIES_MAX + 1024);
	ck_assert_uint_eq(smtp_server_feed(&h.server, buf_str(&many)), 0);
	buf_release(&many);
	end();
}
END_TEST

/* What a transaction can hold is bounded whatever RCPT is refused for. */
START_TEST(refused_parameters)
{
	begin();
	h.policy.bad_commands_max = 1000000;
	h.policy.commands_per_minute = 1000000;
	h.server.own_network = true;
	say("MAIL FROM:<a@client.example>\r\n");
	for (int i = 0; i < (int)unit_times(20000); i++)
		say("RCPT TO:<xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@example.org> "
		    "ORCPT=rfc822;"
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
	ck_assert_uint_le(pool_used(h.server.txn.pool), TRANSACTION_POOL_MAX);
	say("RSET\r\n");
	ck_assert_ptr_null(h.server.txn.pool);
	end();
}
END_TEST

/* Freed in any state, with whatever is under way. */
START_TEST(freed_anywhere)
{
	static const char *const steps[] = {"EHLO client.example\r\n", "MAIL FROM:<>\r\n",
	    "RCPT TO:<team@example.org>\r\n", "RCPT TO:<cy@example.org>\r\n", "BDAT 70000\r\n",
	    LINE, NULL};
	for (int last = 0; last < 60; last++) {
		harness_init(&h);
		h.deferred = true;
		harness_start(&h);
		for (int i = 0; i <= last; i++) {
			int step = i < 5 ? i : 5;
			if (i == last) {
				/* Answers are not given: it is left waiting. */
				struct str in = str_from_cstr(steps[step]);
				smtp_server_feed(&h.server, in);
			} else if (step == 5) {
				repeat(LINE, 20);
			} else {
				say(steps[step]);
			}
		}
		if (last % 2 == 0) {
			smtp_server_end(&h.server, STATUS_SHUTDOWN);
			ck_assert(smtp_server_is_closed(&h.server));
			ck_assert_ptr_null(h.server.txn.pool);
			ck_assert(!h.file_open && !h.rcpt_asked && !h.file_asked && !h.submitted);
		}
		harness_free(&h);
		ck_assert(!h.file_open && !h.rcpt_asked && !h.file_asked && !h.submitted);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("limits");
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, message_size);
	tcase_add_test(tcase, discarded_content);
	tcase_add_test(tcase, recipients);
	tcase_add_test(tcase, refused_recipients);
	tcase_add_test(tcase, bad_commands);
	tcase_add_test(tcase, command_rate);
	tcase_add_test(tcase, messages);
	tcase_add_test(tcase, header_size);
	tcase_add_test(tcase, hops);
	tcase_add_test(tcase, line_length);
	tcase_add_test(tcase, command_line);
	tcase_add_test(tcase, small_chunks);
	tcase_add_test(tcase, reply_backlog);
	tcase_add_test(tcase, refused_parameters);
	tcase_add_test(tcase, freed_anywhere);
	return unit_run_case("smtp limits", tcase);
}
