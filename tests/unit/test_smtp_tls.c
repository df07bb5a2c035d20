/* SPDX-License-Identifier: ISC
 *
 * STARTTLS in the core: what it forgets, and what it never takes (NO STARTTLS).
 */
#include "tests/unit/smtp-harness.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct harness h;
static const struct tls_facts facts = {.version = "TLSv1.3", .cipher = "TLS_TEST", .bits = 256};

static void begin(enum smtp_tls offer)
{
	harness_init(&h);
	harness_start(&h);
	h.server.tls_offer = offer;
}

/* The replies to it, as one text. */
static const char *say(const char *text)
{
	static char said[4096];
	buf_reset(&h.out);
	harness_feed(&h, str_from_cstr(text));
	ck_assert_ptr_null(harness_check(&h));
	snprintf(said, sizeof(said), "%.*s", STR_ARG(buf_str(&h.out)));
	return said;
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

START_TEST(it_is_offered_while_it_can_be_had)
{
	begin(SMTP_TLS_NO);
	ck_assert(!has(say("EHLO a.example\r\n"), "STARTTLS"));
	ck_assert(has(say("STARTTLS\r\n"), "502 "));
	harness_free(&h);
	begin(SMTP_TLS_AWAY);
	ck_assert(!has(say("EHLO a.example\r\n"), "STARTTLS"));
	ck_assert(has(say("STARTTLS\r\n"), "454 4.7.0"));
	harness_free(&h);
	begin(SMTP_TLS_OFFERED);
	const char *ehlo = say("EHLO a.example\r\n");
	ck_assert(has(ehlo, "250-STARTTLS\r\n") && !has(ehlo, "REQUIRETLS"));
	ck_assert(has(say("STARTTLS now\r\n"), "501 5.5.4"));
	ck_assert(has(say("MAIL FROM:<a@b.example>\r\n"), "250"));
	ck_assert(has(say("STARTTLS\r\n"), "503 5.5.1"));
	ck_assert(has(say("RSET\r\nSTARTTLS\r\n"), "220 2.0.0"));
	ck_assert_int_eq(h.server.phase, PHASE_TLS);
	harness_free(&h);
}
END_TEST

START_TEST(everything_before_is_forgotten)
{
	begin(SMTP_TLS_OFFERED);
	say("EHLO evil.example\r\nMAIL FROM:<a@b.example>\r\nRSET\r\n");
	say("STARTTLS\r\n");
	smtp_server_on_tls(&h.server, &facts);
	ck_assert_ptr_null(h.server.helo);
	ck_assert_int_eq(h.server.state, SMTP_CONNECTED);
	ck_assert(has(say("MAIL FROM:<a@b.example>\r\n"), "503 5.5.1 Send EHLO"));
	const char *ehlo = say("EHLO b.example\r\n");
	ck_assert(!has(ehlo, "STARTTLS") && has(ehlo, "250-REQUIRETLS\r\n"));
	ck_assert(has(say("STARTTLS\r\n"), "503 5.5.1 TLS is active"));
	harness_free(&h);
}
END_TEST

/* Whatever is behind it in one piece, be it one octet. */
START_TEST(nothing_may_follow)
{
	static const char *const behind[] = {"\r", "\n", " ", "NOOP\r\n", "EHLO x\r\n",
	    "MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n", "\x16\x03\x01",
	    "STARTTLS\r\n"};
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		char text[200];
		begin(SMTP_TLS_OFFERED);
		say("EHLO a.example\r\n");
		snprintf(text, sizeof(text), "STARTTLS\r\n%s", behind[i]);
		const char *said = say(text);
		ck_assert_msg(strncmp(said, "503 5.5.1 Nothing may follow", 28) == 0, "%s", said);
		ck_assert_ptr_null(strstr(said, "220"));
		ck_assert_int_eq(h.server.phase, PHASE_CLOSED);
		ck_assert_str_eq(say("NOOP\r\n"), "");
		harness_free(&h);
	}
}
END_TEST

/* What comes later in clear is not for the core at all. */
START_TEST(no_octet_is_taken_before_tls)
{
	begin(SMTP_TLS_OFFERED);
	say("EHLO a.example\r\nNOOP\r\n");
	ck_assert(has(say("STARTTLS\r\n"), "220 "));
	ck_assert_uint_eq(smtp_server_feed(&h.server, STR("MAIL FROM:<a@b.example>\r\n")), 0);
	harness_free(&h);
}
END_TEST

START_TEST(mail_waits_for_tls_where_it_must)
{
	begin(SMTP_TLS_OFFERED);
	h.server.tls_required = true;
	say("EHLO a.example\r\n");
	ck_assert(has(say("MAIL FROM:<a@b.example>\r\n"), "530 5.7.0"));
	ck_assert(has(say("NOOP\r\n"), "250"));
	say("STARTTLS\r\n");
	smtp_server_on_tls(&h.server, &facts);
	say("EHLO a.example\r\n");
	ck_assert(has(say("MAIL FROM:<a@b.example>\r\n"), "250 2.1.0"));
	harness_free(&h);
}
END_TEST

START_TEST(the_trace_tells_of_tls)
{
	begin(SMTP_TLS_OFFERED);
	say("EHLO a.example\r\nSTARTTLS\r\n");
	smtp_server_on_tls(&h.server, &facts);
	say("EHLO a.example\r\nMAIL FROM:<a@b.example> REQUIRETLS\r\nRCPT TO:<ann@example.org>\r\n"
	    "DATA\r\n");
	say("Subject: x\r\n\r\n.\r\n");
	char text[4096];
	snprintf(text, sizeof(text), "%.*s", STR_ARG(buf_str(&h.content)));
	ck_assert_uint_eq(h.messages, 1);
	ck_assert(has(text, "\t(using TLSv1.3 with cipher TLS_TEST (256/256 bits))\r\n"));
	ck_assert(has(text, " with ESMTPS id "));
	ck_assert_uint_eq(h.envelope.flags, ENVELOPE_REQUIRETLS);
	harness_free(&h);
}
END_TEST

START_TEST(requiretls_is_for_tls_only)
{
	begin(SMTP_TLS_OFFERED);
	say("EHLO a.example\r\n");
	ck_assert(has(say("MAIL FROM:<a@b.example> REQUIRETLS\r\n"), "555 5.5.4"));
	harness_free(&h);
}
END_TEST

static void in_tls(bool submission, const char *login)
{
	harness_init(&h);
	h.submission = submission;
	h.login = login;
	harness_start(&h);
	h.server.tls_offer = SMTP_TLS_OFFERED;
	say("EHLO a.example\r\nSTARTTLS\r\n");
	smtp_server_on_tls(&h.server, &facts);
	say("EHLO a.example\r\n");
}

/* By DATA, by BDAT, as a submission, and one that becomes a file: RFC 8689 §4.1. */
START_TEST(the_header_may_say_that_tls_is_optional)
{
	static const char mail[] = "MAIL FROM:<ann@example.org>%s\r\nRCPT TO:<ann@example.org>\r\n";
	static const char header[] =
	    "From: ann@example.org\r\nTLS-Required: No\r\n\r\nTLS-Required: x\r\n";
	static char long_text[INLINE_CONTENT_MAX + 1000];
	char text[512];
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (unsigned i = 0; i < 8; i++) {
		bool required = i % 2 == 1;
		in_tls(i / 2 == 1, i / 2 == 1 ? "ann@example.org" : NULL);
		snprintf(text, sizeof(text), mail, required ? " REQUIRETLS" : "");
		say(text);
		if (i / 2 == 2) {
			snprintf(text, sizeof(text), "BDAT 20\r\n%.20s", header);
			say(text);
			snprintf(text, sizeof(text), "BDAT %zu LAST\r\n%s", strlen(header) - 20,
			    header + 20);
			say(text);
		} else {
			say("DATA\r\n");
			say(header);
			for (int k = 0; k < (i / 2 == 3 ? 2 : 0); k++) {
				say(long_text);
				say("\r\n");
			}
			say(".\r\n");
		}
		ck_assert_uint_eq(h.messages, 1);
		ck_assert_uint_eq(
		    h.envelope.flags, required ? ENVELOPE_REQUIRETLS : ENVELOPE_TLS_OPTIONAL);
		harness_free(&h);
	}
}
END_TEST

/* What one message says is not said of the next. */
START_TEST(the_next_message_says_nothing)
{
	in_tls(false, NULL);
	for (int i = 0; i < 2; i++) {
		say("MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n");
		say(i == 0 ? "TLS-Required: No\r\n\r\n.\r\n" : "Subject: x\r\n\r\n.\r\n");
		ck_assert_uint_eq(h.envelope.flags, i == 0 ? ENVELOPE_TLS_OPTIONAL : 0);
	}
	harness_free(&h);
}
END_TEST

START_TEST(protocols_have_their_names)
{
	begin(SMTP_TLS_NO);
	ck_assert_str_eq(smtp_server_protocol(&h.server), "SMTP");
	h.server.esmtp = true;
	ck_assert_str_eq(smtp_server_protocol(&h.server), "ESMTP");
	h.server.tls = &facts;
	ck_assert_str_eq(smtp_server_protocol(&h.server), "ESMTPS");
	h.server.login = str_dup(STR("ann"));
	ck_assert_str_eq(smtp_server_protocol(&h.server), "ESMTPSA");
	h.server.tls = NULL;
	ck_assert_str_eq(smtp_server_protocol(&h.server), "ESMTPA");
	h.server.txn.envelope.flags = ENVELOPE_SMTPUTF8;
	ck_assert_str_eq(smtp_server_protocol(&h.server), "UTF8SMTPA");
	harness_free(&h);
}
END_TEST

UNIT_MAIN("smtp tls", it_is_offered_while_it_can_be_had, everything_before_is_forgotten,
    nothing_may_follow, no_octet_is_taken_before_tls, mail_waits_for_tls_where_it_must,
    the_trace_tells_of_tls, requiretls_is_for_tls_only, the_header_may_say_that_tls_is_optional,
    the_next_message_says_nothing, protocols_have_their_names)
