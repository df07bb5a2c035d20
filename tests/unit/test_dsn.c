/* SPDX-License-Identifier: ISC
 *
 * Notices compared whole, templates and their faults.
 */
#include "queue/dsn-text.h"
#include "queue/templates.h"
#include "scratch.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define ARRIVAL UINT64_C(1700000000000)
#define MINUTE	UINT64_C(60000)

static struct templates templates;

static void setup(void)
{
	setenv("TZ", "UTC", 1);
	ck_assert(templates_load(&templates, NULL, NULL, NULL));
}

static void teardown(void)
{
	templates_reset(&templates);
}

static const struct dsn_recipient refused = {.address = {"bob@example.net", 15},
    .original = {"bob@example.net", 15},
    .orcpt = {"rfc822;Bob@example.net", 22},
    .action = DSN_FAILED,
    .why = {.status = {"5.1.1", 5},
	.mta = {"mx.example.net", 14},
	.reply = {"550 5.1.1 no such user", 22},
	.text = {"mx.example.net[192.0.2.1] said: 550 5.1.1 no such user", 54}},
    .last_attempt = ARRIVAL + MINUTE};

static const struct dsn_recipient alias = {.address = {"carla@example.com", 17},
    .original = {"team@example.org", 16},
    .action = DSN_FAILED,
    .why = {.status = {"4.4.7", 5}, .text = {"delivery time expired; connection refused", 41}}};

#define CONTENT \
	"Message-ID: <1@client.example>\r\nSubject: hello\r\n\r\nHow are you?\r\n"

static struct dsn plain(const struct dsn_recipient *list, size_t count)
{
	return (struct dsn){.hostname = STR("mx.example.org"),
	    .postmaster = STR("postmaster@example.org"),
	    .to = STR("ann@example.org"),
	    .id = 5000000,
	    .now = ARRIVAL + 2 * MINUTE,
	    .about = 4000000,
	    .arrival = ARRIVAL,
	    .until = ARRIVAL + 5 * 24 * 60 * MINUTE,
	    .sender = STR("ann@example.org"),
	    .recipients = list,
	    .count = count,
	    .content = STR(CONTENT)};
}

static void check_text(const struct dsn *d, const char *expected, unsigned expected_flags)
{
	struct buf out = BUF_INIT(1 << 20);
	uint16_t flags;
	ck_assert(dsn_put(d, &out, &flags));
	ck_assert(buf_append_u8(&out, '\0'));
	ck_assert_str_eq((const char *)buf_data(&out), expected);
	ck_assert_uint_eq(flags, expected_flags);
	buf_release(&out);
}

START_TEST(a_failure_with_the_whole_message)
{
	const struct dsn_recipient list[] = {refused, alias};
	struct dsn d = plain(list, 2);
	d.text = templates.list[DSN_FAILURE];
	d.envid = STR("order-1");
	d.whole = true;
	check_text(&d,
#include "tests/unit/dsn-failure.inc"
	    , 0);
}
END_TEST

static bool dsn_has(const struct dsn *d, const char *what)
{
	struct buf out = BUF_INIT(1 << 20);
	uint16_t flags;
	ck_assert(dsn_put(d, &out, &flags));
	bool found = memmem(buf_data(&out), buf_len(&out), what, strlen(what)) != NULL;
	buf_release(&out);
	return found;
}

/* For people each host has a line; for programs the one that decided stands alone. */
START_TEST(every_host_and_the_times_are_told)
{
	const struct tried tried[] = {
	    {STR("mx1.example.net[192.0.2.7]:25"), STR("Connection refused")},
	    {STR(""), STR("no address of mx2.example.net")}};
	struct dsn_recipient list[] = {refused};
	list[0].why.tried = tried;
	list[0].why.tried_count = 2;
	list[0].first_attempt = ARRIVAL;
	struct dsn d = plain(list, 1);
	d.text = templates.list[DSN_FAILURE];
	ck_assert(dsn_has(&d, "    mx.example.net[192.0.2.1] said: 550 5.1.1 no such user\r\n"
			      "    also tried mx1.example.net[192.0.2.7]:25: Connection refused\r\n"
			      "    also tried no address of mx2.example.net\r\n"
			      "    first tried on Tue, 14 Nov 2023 22:13:20 +0000\r\n"
			      "    last tried on Tue, 14 Nov 2023 22:14:20 +0000\r\n"));
	ck_assert(dsn_has(&d, "Remote-MTA: dns; mx.example.net\r\n"
			      "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
			      "Last-Attempt-Date: Tue, 14 Nov 2023 22:14:20 +0000\r\n"));
	list[0].last_attempt = list[0].first_attempt; /* once */
	ck_assert(!dsn_has(&d, "first tried"));
	ck_assert(dsn_has(&d, "Last-Attempt-Date: "));
}
END_TEST

START_TEST(a_delay_with_the_header)
{
	struct dsn_recipient list[] = {refused};
	list[0].action = DSN_DELAYED;
	list[0].orcpt = (struct str){NULL, 0};
	list[0].why = (struct why){.status = STR("4.4.1"), .text = STR("connection timed out")};
	struct dsn d = plain(list, 1);
	d.text = templates.list[DSN_DELAY];
	check_text(&d,
#include "tests/unit/dsn-delay.inc"
	    , 0);
}
END_TEST

START_TEST(addresses_that_are_not_ascii)
{
	struct dsn_recipient list[] = {refused};
	list[0].address = list[0].original = STR("jos\xc3\xa9@example.net");
	list[0].orcpt = (struct str){NULL, 0};
	list[0].action = DSN_RELAYED;
	list[0].why = (struct why){0};
	struct dsn d = plain(list, 1);
	d.text = templates.list[DSN_SUCCESS];
	d.content = STR("Subject: h\xc3\xa9llo\r\n\r\n");
	check_text(&d,
#include "tests/unit/dsn-utf8.inc"
	    , ENVELOPE_8BITMIME | ENVELOPE_SMTPUTF8);
}
END_TEST

START_TEST(what_cannot_be_read_is_not_returned)
{
	const struct dsn_recipient list[] = {refused};
	struct buf out = BUF_INIT(1 << 20);
	uint16_t flags;
	struct dsn d = plain(list, 1);
	d.text = templates.list[DSN_DOUBLE];
	d.to = STR("postmaster@example.org");
	d.content = (struct str){NULL, 0};
	d.whole = true;
	ck_assert(dsn_put(&d, &out, &flags));
	ck_assert(buf_append_u8(&out, '\0'));
	const char *text = (const char *)buf_data(&out);
	ck_assert_ptr_nonnull(strstr(text, "could not be read any more"));
	ck_assert_ptr_null(strstr(text, "rfc822\r\n"));
	ck_assert_ptr_nonnull(strstr(text, "\r\nTo: postmaster@example.org\r\n"));
	buf_release(&out);
}
END_TEST

/* What may not go into another message as it is comes back as its header. */
static const char *const unsound[] = {
    "Subject: x\r\n\r\nbare\nnewline\r\n",
    "Subject: x\r\n\r\nbare\rreturn\r\n",
    "Subject: x\r\n\r\nno end",
    "\nSubject: x\r\n",
};

START_TEST(unsound_content_is_not_returned_whole)
{
	const struct dsn_recipient list[] = {refused};
	struct buf out = BUF_INIT(1 << 20);
	uint16_t flags;
	struct dsn d = plain(list, 1);
	d.text = templates.list[DSN_FAILURE];
	d.whole = true;
	d.content = str_from_cstr(unsound[_i]);
	ck_assert(!dsn_text_is_sound(d.content));
	ck_assert(dsn_put(&d, &out, &flags));
	ck_assert(buf_append_u8(&out, '\0'));
	const char *text = (const char *)buf_data(&out);
	ck_assert_ptr_nonnull(strstr(text, "text/rfc822-headers"));
	ck_assert_ptr_null(strstr(text, "message/rfc822"));
	buf_release(&out);
}
END_TEST

START_TEST(lines_too_long_are_not_sound)
{
	char text[DSN_LINE_MAX + 4];
	memset(text, 'x', sizeof(text));
	memcpy(text + DSN_LINE_MAX, "\r\n", 2);
	ck_assert(dsn_text_is_sound(str_from(text, DSN_LINE_MAX + 2)));
	memcpy(text + DSN_LINE_MAX, "x\r\n", 3);
	ck_assert(!dsn_text_is_sound(str_from(text, DSN_LINE_MAX + 3)));
	ck_assert(!dsn_text_is_sound(STR("")));
}
END_TEST

/* Nothing that another server, or a client, says makes a field or a part of its own. */
START_TEST(nothing_is_injected)
{
	struct dsn_recipient list[] = {refused};
	struct buf out = BUF_INIT(1 << 20);
	uint16_t flags;
	const struct str evil =
	    STR("x\r\nX-Evil: 1\r\n\r\n--=_000000Bcdfg.0.report\r\nContent-Type: text/html\r\n");
	list[0].why = (struct why){.status = evil, .mta = evil, .reply = evil, .text = evil};
	list[0].orcpt = evil;
	struct dsn d = plain(list, 1);
	d.text = templates.list[DSN_FAILURE];
	d.envid = d.sender = d.to = evil;
	d.content = STR("Message-ID: <a\r\nX-Evil: 1>\r\nSubject: x\r\n\r\n");
	ck_assert(dsn_put(&d, &out, &flags));
	ck_assert(buf_append_u8(&out, '\0'));
	const char *text = (const char *)buf_data(&out), *status = strstr(text, "Reporting-MTA");
	const char *evil_header = strstr(text, "\r\nX-Evil");
	ck_assert_ptr_nonnull(status);
	/* In the text for people it is text, and in the returned header it was there. */
	ck_assert(evil_header == NULL || evil_header > strstr(text, "Content-Description: Notice"));
	const char *part_end = strstr(status, "\r\n--=_");
	const char *after = strstr(status, "\r\nX-Evil");
	ck_assert(after == NULL || after > part_end);
	buf_release(&out);
}
END_TEST

static const struct {
	const char *text, *lines;
} paragraphs[] = {
    {"one\ntwo\r\n\nthree", "one\r\ntwo\r\n\r\nthree\r\n"},
    {"tab\there", "tab\there\r\n"},
    {"bell\a null \x80 \xc3\xa9", "bell? null ? \xc3\xa9\r\n"},
    {"    indented words that go on and on until the line is much longer than anybody likes",
	"    indented words that go on and on until the line is much longer than\r\n"
	"    anybody likes\r\n"},
    {"https://example.org/a/word/without/any/blank/that/is/longer/than/a/line/should/be/ever end",
	"https://example.org/a/word/without/any/blank/that/is/longer/than/a/line/should/be/ever\r\n"
	"end\r\n"},
};

START_TEST(paragraphs_are_wrapped)
{
	struct buf out = BUF_INIT(1 << 16);
	ck_assert(dsn_text_paragraphs(&out, str_from_cstr(paragraphs[_i].text)));
	ck_assert(buf_append_u8(&out, '\0'));
	ck_assert_str_eq((const char *)buf_data(&out), paragraphs[_i].lines);
	buf_release(&out);
}
END_TEST

static const struct {
	const char *value, *field;
	bool utf8;
} fields[] = {
    {"short", "Name: pre; short\r\n", false},
    {"  trimmed ", "Name: pre; trimmed\r\n", false},
    {"", "", false},
    {"caf\xc3\xa9", "Name: pre; caf?\r\n", false},
    {"caf\xc3\xa9 \xff", "Name: pre; caf\xc3\xa9 ?\r\n", true},
    {"a\r\nb", "Name: pre; a??b\r\n", true},
    {"550 5.7.1 many words in what another server says are folded at a blank so that they fit",
	"Name: pre; 550 5.7.1 many words in what another server says are folded at a\r\n"
	" blank so that they fit\r\n",
	false},
};

START_TEST(fields_are_folded_and_clean)
{
	struct buf out = BUF_INIT(1 << 16);
	ck_assert(dsn_text_field(
	    &out, "Name", "pre; ", str_from_cstr(fields[_i].value), fields[_i].utf8));
	ck_assert(buf_append_u8(&out, '\0'));
	ck_assert_str_eq((const char *)buf_data(&out), fields[_i].field);
	buf_release(&out);
}
END_TEST

START_TEST(a_full_buffer_is_said)
{
	const struct dsn_recipient list[] = {refused};
	struct dsn d = plain(list, 1);
	uint16_t flags;
	d.text = templates.list[DSN_FAILURE];
	for (size_t max = 0; max < 1500; max++) {
		struct buf out = BUF_INIT(max);
		ck_assert(!dsn_put(&d, &out, &flags));
		buf_release(&out);
	}
}
END_TEST

/* --- templates ---------------------------------------------------------- */

static char faults[2048];

static void on_fault(void *ctx, unsigned line, const char *text)
{
	size_t n = strlen(faults);
	(void)ctx;
	snprintf(faults + n, sizeof(faults) - n, "%u: %s\n", line, text);
}

static const struct {
	const char *text;
	const char *fault; /* begins so; NULL: none */
} parses[] = {
    {"Subject: x\n\nHello\n", NULL},
    {"Subject: x\r\n\r\nHello ${hostname}\r\n", NULL},
    {"Subject: x\n\n5 $$ for ${sender}", NULL},
    {"Subject: x\n\n", NULL},
    {"Hello\n\n", "1: the first line is not the subject"},
    {"", "1: the first line is not the subject"},
    {"Subject: \n\n", "1: the subject must have 1 to 200"},
    {"Subject: caf\xc3\xa9\n\n", "1: the subject must be ASCII"},
    {"Subject: x\nHello\n", "2: an empty line must follow"},
    {"Subject: x", "2: an empty line must follow"},
    {"Subject: x\n\nHello\n${host}\n", "4: there is no word ${host}: write one of ${hostname}, "},
    {"Subject: x\n\nHello ${hostname\n}", "3: \"$\" begins no word"},
    {"Subject: x\n\n5 $", "3: \"$\" begins no word here: write \"$$\""},
    {"Subject: x\n\na\n\xff\n", "4: the text is not UTF-8"},
    {"Subject: x\n\n\a\n", "3: the line has a control character (U+0007)"},
};

START_TEST(templates_say_what_is_wrong_and_where)
{
	faults[0] = '\0';
	struct template *t = template_parse(str_from_cstr(parses[_i].text), ABOUT_MESSAGE, on_fault, NULL);
	ck_assert_int_eq(t == NULL, parses[_i].fault != NULL);
	if (parses[_i].fault == NULL)
		ck_assert_str_eq(faults, "");
	else
		ck_assert_msg(strncmp(faults, parses[_i].fault, strlen(parses[_i].fault)) == 0,
		    "%s", faults);
	template_free(t);
}
END_TEST

START_TEST(every_prefix_of_a_template)
{
	const struct str whole = STR("Subject: x\n\nHello ${sender}, 5 $$\n");
	for (size_t n = 0; n < whole.n; n++)
		template_free(template_parse(str_head(whole, n), ABOUT_MESSAGE, NULL, NULL));
}
END_TEST

START_TEST(words_are_replaced_once)
{
	struct buf out = BUF_INIT(1000), small = BUF_INIT(10);
	struct str words[TEMPLATE_WORD_COUNT];
	for (size_t i = 0; i < TEMPLATE_WORD_COUNT; i++)
		words[i] = STR("${id}");
	words[TEMPLATE_SENDER] = STR("ann");
	struct template *t =
	    template_parse(STR("Subject: Hi \n\n${sender}: $$ ${hostname}$$${sender}"), ABOUT_MESSAGE, NULL, NULL);
	ck_assert_ptr_nonnull(t);
	ck_assert(str_eq(template_subject(t), STR("Hi")));
	ck_assert(template_expand(t, words, &out));
	ck_assert(str_eq(buf_str(&out), STR("ann: $ ${id}$ann")));
	ck_assert(!template_expand(t, words, &small));
	template_free(t);
	buf_release(&out);
	buf_release(&small);
}
END_TEST

static void on_file_fault(void *ctx, const char *text)
{
	(void)ctx;
	snprintf(faults, sizeof(faults), "%s", text);
}

START_TEST(an_operators_files_stand_before_the_built_in_ones)
{
	struct templates t;
	char expected[512];
	scratch_open();
	scratch_write("delay.txt", STR("Subject: Geduld\n\nBitte warten.\n"));
	ck_assert(templates_load(&t, scratch_path(), on_file_fault, NULL));
	ck_assert(str_eq(template_subject(t.list[DSN_DELAY]), STR("Geduld")));
	ck_assert(str_eq(template_subject(t.list[DSN_FAILURE]),
	    template_subject(templates.list[DSN_FAILURE])));
	templates_reset(&t);
	scratch_write("double.txt", STR("Subject: x\n\n${what}\n"));
	ck_assert(!templates_load(&t, scratch_path(), on_file_fault, NULL));
	snprintf(expected, sizeof(expected), "%s/double.txt:3: there is no word ${what}",
	    scratch_path());
	ck_assert_msg(strncmp(faults, expected, strlen(expected)) == 0, "%s", faults);
	ck_assert_ptr_nonnull(t.list[DSN_DOUBLE]); /* the built-in one */
	templates_reset(&t);
	scratch_close();
	ck_assert(!templates_load(&t, "/nowhere/at/all", on_file_fault, NULL));
	ck_assert_ptr_nonnull(strstr(faults, "cannot be read: No such file"));
	templates_reset(&t);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("dsn");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_failure_with_the_whole_message);
	tcase_add_test(tc, a_delay_with_the_header);
	tcase_add_test(tc, every_host_and_the_times_are_told);
	tcase_add_test(tc, addresses_that_are_not_ascii);
	tcase_add_test(tc, what_cannot_be_read_is_not_returned);
	tcase_add_loop_test(tc, unsound_content_is_not_returned_whole, 0,
	    (int)(sizeof(unsound) / sizeof(unsound[0])));
	tcase_add_test(tc, lines_too_long_are_not_sound);
	tcase_add_test(tc, nothing_is_injected);
	tcase_add_loop_test(
	    tc, paragraphs_are_wrapped, 0, (int)(sizeof(paragraphs) / sizeof(paragraphs[0])));
	tcase_add_loop_test(
	    tc, fields_are_folded_and_clean, 0, (int)(sizeof(fields) / sizeof(fields[0])));
	tcase_add_test(tc, a_full_buffer_is_said);
	tcase_add_loop_test(tc, templates_say_what_is_wrong_and_where, 0,
	    (int)(sizeof(parses) / sizeof(parses[0])));
	tcase_add_test(tc, every_prefix_of_a_template);
	tcase_add_test(tc, words_are_replaced_once);
	tcase_add_test(tc, an_operators_files_stand_before_the_built_in_ones);
	return unit_run_case("dsn", tc);
}
