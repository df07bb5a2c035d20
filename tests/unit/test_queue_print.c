/* SPDX-License-Identifier: ISC
 *
 * mailq's text as scripts for Postfix read it, and the JSON of it.
 */
#include "queue/queue-print.h"
#include "queue/recipient-state.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

static char *output;
static size_t output_size;
static struct queue_print print;

static void setup(void)
{
	setenv("TZ", "UTC", 1);
	output = NULL;
	print = (struct queue_print){
	    .out = open_memstream(&output, &output_size), .now = UINT64_C(1700000100000)};
}

static void teardown(void)
{
	fclose(print.out);
	free(output);
}

static const char *printed(void)
{
	fflush(print.out);
	return output;
}

static struct waiting_recipient waiting[RECIPIENTS_PER_PACKET];

static struct msg_queue_entry entry(uint64_t id, size_t count, uint8_t state)
{
	for (size_t i = 0; i < count; i++)
		waiting[i] = (struct waiting_recipient){.address = STR("bob@example.net"),
		    .state = state,
		    .attempts = 2,
		    .next_try = state == RECIPIENT_DEFERRED ? 1700000200000 : 0,
		    .reason = state == RECIPIENT_READY ? STR("") : STR("mailbox full")};
	return (struct msg_queue_entry){.id = id,
	    .arrival = UINT64_C(1700000000000),
	    .size = 2414,
	    .reverse_path = STR("ann@example.org"),
	    .recipients = (uint32_t)count,
	    .waiting = waiting,
	    .waiting_count = count};
}

#define HEADING "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
#define INDENT	"                                               "

START_TEST(empty)
{
	queue_print_list_end(&print);
	ck_assert_str_eq(printed(), "Mail queue is empty\n");
}
END_TEST

START_TEST(as_mailq_does)
{
	struct msg_queue_entry e = entry(1, 2, RECIPIENT_DEFERRED);
	queue_print_entry(&print, &e);
	e = entry(2, 1, RECIPIENT_READY);
	e.reverse_path = STR("");
	queue_print_entry(&print, &e);
	queue_print_list_end(&print);
	ck_assert_str_eq(printed(),
	    HEADING "00000000001           2414 Tue Nov 14 22:13:20 ann@example.org\n"
		    "                                                                (mailbox "
		    "full)\n" INDENT "bob@example.net\n" INDENT "bob@example.net\n"
		    "\n"
		    "00000000002*          2414 Tue Nov 14 22:13:20 MAILER-DAEMON\n" INDENT
		    "bob@example.net\n"
		    "\n"
		    "-- 5 Kbytes in 2 Requests.\n");
}
END_TEST

START_TEST(marks_and_owed_bounces)
{
	struct msg_queue_entry e = entry(1, 1, RECIPIENT_HELD);
	queue_print_entry(&print, &e);
	e = entry(2, 1, RECIPIENT_FAILED);
	queue_print_entry(&print, &e);
	queue_print_list_end(&print);
	ck_assert_ptr_nonnull(strstr(printed(), "\n00000000001!          2414 "));
	ck_assert_ptr_nonnull(strstr(printed(), "\n00000000002           2414 "));
	ck_assert_ptr_nonnull(strstr(printed(), " (undeliverable: mailbox full)\n"));
}
END_TEST

START_TEST(many_recipients_are_said_to_be_more)
{
	struct msg_queue_entry e = entry(1, RECIPIENTS_PER_PACKET, RECIPIENT_DEFERRED);
	e.recipients = 5000;
	queue_print_entry(&print, &e);
	ck_assert_ptr_nonnull(strstr(printed(), "(of 5000 recipients, the first 100 that wait)"));
}
END_TEST

START_TEST(nothing_a_terminal_obeys)
{
	struct msg_queue_entry e = entry(1, 1, RECIPIENT_DEFERRED);
	e.reverse_path = STR("\x1b]0;x\a@\xff\xc2\x9b"
			     "d");
	waiting[0].address = STR("caf\xc3\xa9@example.net");
	waiting[0].reason = STR("line\nbreak\r\x7f");
	queue_print_entry(&print, &e);
	ck_assert_ptr_nonnull(strstr(printed(), " ?]0;x?@???d\n"));
	ck_assert_ptr_nonnull(strstr(printed(), " caf\xc3\xa9@example.net\n"));
	ck_assert_ptr_nonnull(strstr(printed(), "(line?break?"
						"?)\n"));
}
END_TEST

START_TEST(json_is_json)
{
	struct msg_queue_entry e = entry(1, 2, RECIPIENT_DEFERRED);
	e.reverse_path = STR("\"a b\"\xff@example.org");
	print.json = true;
	queue_print_entry(&print, &e);
	e.id = 2;
	queue_print_entry(&print, &e);
	queue_print_list_end(&print);
	json_t *all = json_loads(printed(), 0, NULL);
	const json_t *j = json_array_get(all, 0);
	ck_assert_uint_eq(json_array_size(all), 2);
	ck_assert_str_eq(json_string_value(json_object_get(j, "queue_name")), "deferred");
	ck_assert_str_eq(json_string_value(json_object_get(j, "id")), "00000000001");
	ck_assert_str_eq(json_string_value(json_object_get(j, "sender")), "\"a b\"?@example.org");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "arrival_time")), 1700000000);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "message_size")), 2414);
	const json_t *list = json_object_get(j, "recipients"), *r = json_array_get(list, 1);
	ck_assert_uint_eq(json_array_size(list), 2);
	ck_assert_str_eq(json_string_value(json_object_get(r, "address")), "bob@example.net");
	ck_assert_str_eq(json_string_value(json_object_get(r, "delay_reason")), "mailbox full");
	ck_assert_int_eq(json_integer_value(json_object_get(r, "next_try")), 1700000200);
	json_decref(all);
}
END_TEST

START_TEST(json_of_an_empty_list)
{
	print.json = true;
	queue_print_list_end(&print);
	ck_assert_str_eq(printed(), "[]\n");
}
END_TEST

START_TEST(figures_both_ways)
{
	const struct msg_queue_figures f = {.messages = 12, .oldest = UINT64_C(1700000000000)};
	queue_print_figures(&print, &f);
	ck_assert_ptr_nonnull(strstr(printed(), "messages waiting             12\n"));
	ck_assert_ptr_nonnull(strstr(printed(), "age of the oldest, seconds   100\n"));
	rewind(print.out);
	print.json = true;
	queue_print_figures(&print, &f);
	json_t *j = json_loads(printed(), JSON_DISABLE_EOF_CHECK, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "oldest_age")), 100);
	json_decref(j);
}
END_TEST

START_TEST(text_in_pieces)
{
	queue_print_text(&print, STR("one\r"));
	queue_print_text(&print, STR("\ntwo\r\nthr"));
	queue_print_text(&print, STR("ee\rx\r\r\n\x1b[1m\xc2\x9b\n"));
	ck_assert_str_eq(printed(), "one\ntwo\nthree\rx\r\n\x1b[1m\xc2\x9b\n");
	rewind(print.out);
	print.terminal = true;
	queue_print_text(&print, STR("\x1b[1m\xc2\x9b\xc3\xa9\t\n"));
	ck_assert_ptr_nonnull(strstr(printed(), "\\x1B[1m\xc2\\x9B\xc3\xa9\t\n"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("queue-print");
	TCase *tc = tcase_create("queue-print");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, empty);
	tcase_add_test(tc, as_mailq_does);
	tcase_add_test(tc, marks_and_owed_bounces);
	tcase_add_test(tc, many_recipients_are_said_to_be_more);
	tcase_add_test(tc, nothing_a_terminal_obeys);
	tcase_add_test(tc, json_is_json);
	tcase_add_test(tc, json_of_an_empty_list);
	tcase_add_test(tc, figures_both_ways);
	tcase_add_test(tc, text_in_pieces);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
