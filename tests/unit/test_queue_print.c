/* SPDX-License-Identifier: ISC
 *
 * mailq's text as scripts for Postfix read it, and the JSON of it.
 */
#include "queue/queue-print-internal.h"
#include "queue/ages.h"
#include "queue/destination.h"
#include "queue/queue-watch.h"
#include "queue/recipient-state.h"
#include "common/envelope.h"
#include "tests/unit/unit.h"

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
	queue_print_stats_end(&print);
	json_t *j = json_loads(printed(), JSON_DISABLE_EOF_CHECK, NULL);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "oldest_age")), 100);
	json_decref(j);
}
END_TEST

static struct queue_age ages[QUEUE_AGES] = {{3}, {0}, {20000}};

static const struct msg_queue_destination all = {.messages = 5,
    .recipients = 20003,
    .oldest = 1699999500000,
    .ages = ages,
    .ages_count = QUEUE_AGES};

static const struct msg_queue_destination dead = {.name = {"ex\x1b"
							   "ample.net",
						      12},
    .transport = TRANSPORT_REMOTE,
    .state = DESTINATION_DEAD,
    .messages = 4,
    .recipients = 20003,
    .oldest = 1699999500000,
    .window = 1,
    .rate = 100,
    .next_probe = 1700000220000,
    .reason = {"connection refused", 18},
    .ages = ages,
    .ages_count = QUEUE_AGES};

static const struct msg_queue_reason reason = {
    .text = {"connection refused", 18}, .recipients = 7, .oldest = 1699999500000};

static void print_statistics(void)
{
	const struct msg_queue_figures f = {.messages = 5};
	queue_print_figures(&print, &f);
	queue_print_destination(&print, &all);
	queue_print_destination(&print, &dead);
	queue_print_reason(&print, &reason);
	queue_print_stats_end(&print);
}

START_TEST(statistics_are_three_tables)
{
	print_statistics();
	const char *tables = strstr(printed(), "\nWAITING");
	ck_assert_ptr_nonnull(tables);
	ck_assert_str_eq(tables,
	    "\nWAITING, BY AGE             all   5m  15m   1h   4h  12h   1d   2d   5d more\n"
	    "all                         20k    3    .  20k    .    .    .    .    .    .\n"
	    "ex?ample.net                20k    3    .  20k    .    .    .    .    .    .\n"
	    "\nDESTINATION                mail oldest state     slots probe last reason\n"
	    "ex?ample.net                  4    10m dead        0/1    2m connection refused\n"
	    "\n  all oldest REASON\n"
	    "    7    10m connection refused\n");
}
END_TEST

START_TEST(statistics_as_json)
{
	print.json = true;
	print_statistics();
	json_t *j = json_loads(printed(), 0, NULL);
	ck_assert_ptr_nonnull(j);
	ck_assert_int_eq(
	    json_integer_value(json_object_get(json_object_get(j, "ages"), "1h")), 20000);
	const json_t *d = json_array_get(json_object_get(j, "destinations"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(d, "state")), "dead");
	ck_assert_str_eq(json_string_value(json_object_get(d, "transport")), "remote");
	ck_assert_int_eq(json_integer_value(json_object_get(d, "next_probe")), 1700000220);
	ck_assert_int_eq(json_integer_value(json_object_get(d, "rate")), 100);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "destinations")), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "reasons")), 1);
	json_decref(j);
}
END_TEST

START_TEST(ages_and_counts_stay_short)
{
	static const struct {
		uint64_t value;
		const char *age, *count;
	} cases[] = {{0, "0s", "0"}, {119, "119s", "119"}, {120, "2m", "120"}, {7200, "2h", "7200"},
	    {9999, "2h", "9999"}, {10000, "2h", "10k"}, {172800, "2d", "172k"},
	    {5000000, "57d", "5M"}, {UINT64_MAX, "-", "18446744073709M"}};
	char out[AGE_TEXT_SIZE];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		queue_print_age(out, cases[i].value);
		ck_assert_str_eq(out, cases[i].age);
		queue_print_count(out, cases[i].value);
		ck_assert_str_eq(out, cases[i].count);
	}
}
END_TEST

/* Columns of a line, without what a terminal obeys; a UTF-8 character is one. */
static size_t columns(const char *line)
{
	size_t n = 0;
	for (; *line != '\0' && *line != '\n'; line++) {
		if (*line == '\033')
			while (*line < 'A' || *line == '[')
				line++;
		else
			n += ((unsigned char)*line & 0xc0) != 0x80;
	}
	return n;
}

START_TEST(view_is_never_wider_than_the_terminal)
{
	struct view v = {.time = "2026-11-28 15:28:29",
	    .destination_count = 2,
	    .event_count = 1,
	    .oldest_s = 17};
	for (int i = 0; i < 100; i++)
		v.history[v.history_count++ % VIEW_RATES] = i;
	for (int i = 0; i < 2; i++) {
		memset(v.destinations[i].name, 'n', VIEW_NAME_MAX - 1);
		memset(v.destinations[i].reason, 'r', VIEW_NAME_MAX - 1);
		v.destinations[i].state = i == 0 ? DESTINATION_DEAD : DESTINATION_ALIVE;
	}
	memset(v.events[0].recipient, 'a', VIEW_NAME_MAX - 1);
	memset(v.events[0].what, 'w', VIEW_NAME_MAX - 1);
	for (unsigned width = 40; width <= 160; width++) {
		const struct view_style style = {width, width % 2, width % 3 == 0};
		rewind(print.out);
		unsigned lines = queue_view_draw(print.out, &v, &style), seen = 0;
		for (const char *line = printed(); seen < lines;
		     line = strchr(line, '\n') + 1, seen++)
			ck_assert_uint_le(columns(line), width);
		ck_assert_uint_eq(seen, 11);
	}
}
END_TEST

START_TEST(view_shows_what_is_going_on)
{
	const struct view_style style = {.width = 100};
	struct view v = {
	    .figures = {.messages = 129, .destinations = 4, .dead = 2}, .in = 90.6, .oldest_s = 17};
	snprintf(v.events[v.event_count++].status, 17, "sent");
	queue_view_draw(print.out, &v, &style);
	ck_assert_ptr_nonnull(strstr(printed(), "waiting 129 messages"));
	ck_assert_ptr_nonnull(strstr(printed(), "the oldest 17s"));
	ck_assert_ptr_nonnull(strstr(printed(), "in 90.6/s"));
	ck_assert_ptr_nonnull(strstr(printed(), "destinations 4, 2 dead"));
	ck_assert_ptr_nonnull(strstr(printed(), "nothing waits"));
	ck_assert_ptr_null(strstr(printed(), "\033[31m"));
	rewind(print.out);
	queue_view_line(print.out, &v);
	ck_assert_ptr_nonnull(strstr(printed(), "messages=129 recipients=0 oldest=17s in=90.6/s"));
	v.figures.messages = v.figures.recipients = 1;
	rewind(print.out);
	queue_view_draw(print.out, &v, &style);
	ck_assert_ptr_nonnull(strstr(printed(), "waiting 1 message for 1 recipient, the"));
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
	tcase_add_test(tc, statistics_are_three_tables);
	tcase_add_test(tc, statistics_as_json);
	tcase_add_test(tc, ages_and_counts_stay_short);
	tcase_add_test(tc, view_is_never_wider_than_the_terminal);
	tcase_add_test(tc, view_shows_what_is_going_on);
	tcase_add_test(tc, text_in_pieces);
	return unit_run_case("queue-print", tc);
}
