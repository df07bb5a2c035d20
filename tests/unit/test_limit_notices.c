/* SPDX-License-Identifier: ISC
 *
 * Mail to the postmaster of limits that were passed, over a spool in memory, with the test as
 * directory.
 */
#include "common/log.h"
#include "queue/limit-notices.h"
#include "queue/limit-text.h"
#include "tests/unit/directory-peer.h"
#include "tests/unit/fake-spool.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <errno.h>
#include <fcntl.h>

static struct active active;
static struct contents *contents;
static struct router *router;
static struct tokens *tokens;
static struct templates templates;
static struct limit_notices limits;
static struct buf out = {.max = 1 << 20};
static struct spool *spool;
static unsigned progress;
static bool disk_held;
static int disk_error;

static const struct directory_row rows[] = {
    {"postmaster@example.org", RCPT_LOCAL, TRANSPORT_LOCAL, "", ""},
    {"slow@example.org", RCPT_TEMPORARY, 0, "", "not now"},
    {NULL, 0, 0, "", ""},
};

static void on_committed(
    void *ctx, void *tag, uint64_t id, const struct spool_place *place, int error)
{
	(void)ctx;
	(void)id;
	ck_assert(limit_notices_on_committed(&limits, tag, place, error));
}

static const struct spool_events events = {.on_committed = on_committed};

static void on_progress(void *ctx)
{
	(void)ctx;
	progress++;
}

static void setup(void)
{
	log_set_fd(open("/dev/null", O_WRONLY));
	ck_assert(templates_load(&templates, NULL, NULL, NULL));
	spool = fake_spool_new(&events, NULL);
	active_init(&active, 7);
	contents = contents_new(1 << 20);
	tokens = tokens_new();
	router = router_new(NULL, NULL);
	limit_notices_init(&limits, &active, router, tokens, contents, &templates);
	limits.hostname = STR("mx.example.org");
	limits.postmaster = STR("postmaster@example.org");
	limits.on_progress = on_progress;
	active.spool = limits.spool = spool;
	active.lifetime = 5 * 86400 * UINT64_C(1000);
	directory_peer_silent = disk_held = false;
	disk_error = 0;
	directory_peer_start(router, rows);
}

static void teardown(void)
{
	limit_notices_reset(&limits);
	directory_peer_kill();
	router_free(router);
	tokens_free(tokens);
	contents_free(contents);
	active_reset(&active);
	fake_spool_free(spool);
	templates_reset(&templates);
	buf_release(&out);
}

static struct limit_client clients[] = {
    {{"\xc0\x00\x02\x01", 4}}, {{"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16}}};

static struct msg_limit_passed passed(uint64_t token)
{
	return (struct msg_limit_passed){.token = token,
	    .kind = LIMIT_LOGIN,
	    .limit = 100,
	    .recipients = 105,
	    .since = UINT64_C(1800000000000),
	    .when = UINT64_C(1800000060000),
	    .login = STR("ann@example.org"),
	    .clients = clients,
	    .clients_count = 2};
}

/* Says it; 1 told, 0 not now, -1 no answer (yet), -2 the channel was closed. The disk is quick, but
 * while it is held. */
static int say(const struct msg_limit_passed *m)
{
	directory_peer_told = -1;
	directory_peer_limit(m);
	unit_settle();
	if (!disk_held)
		fake_spool_commit(spool, disk_error);
	unit_settle();
	return directory_peer_lives() ? directory_peer_told : -2;
}

START_TEST(one_mail_and_no_second)
{
	const struct msg_limit_passed m = passed(5), other = passed(6);
	disk_held = true;
	ck_assert_int_eq(say(&m), -1);	  /* not before it is on the disk */
	ck_assert_int_eq(say(&other), 0); /* one at a time */
	directory_peer_told = -1;
	disk_held = false;
	fake_spool_commit(spool, 0);
	unit_settle();
	ck_assert_int_eq(directory_peer_told, 1);
	ck_assert_uint_eq(active.messages.count, 1);
	ck_assert_uint_eq(progress, 1);
	ck_assert_int_eq(say(&m), 1); /* sent again */
	ck_assert_uint_eq(active.messages.count, 1);
	ck_assert_int_eq(say(&other), 1);
	ck_assert_uint_eq(active.messages.count, 2);
}
END_TEST

START_TEST(not_now)
{
	struct msg_limit_passed m = passed(5);
	disk_error = ENOSPC;
	ck_assert_int_eq(say(&m), 0);
	disk_error = 0;
	limits.postmaster = STR("slow@example.org");
	ck_assert_int_eq(say(&m), 0);
	limits.postmaster = STR("postmaster@example.org");
	ck_assert_int_eq(say(&m), 1);
	m.token = 6;
	limit_notices_stop(&limits);
	ck_assert_int_eq(say(&m), 0);
	ck_assert_uint_eq(active.messages.count, 1);
}
END_TEST

/* That it cannot be is no reason to try for ever. */
START_TEST(nobody_to_tell)
{
	const struct msg_limit_passed m = passed(5);
	limits.postmaster = (struct str){NULL, 0};
	ck_assert_int_eq(say(&m), 1);
	limits.postmaster = STR("nobody@example.org");
	ck_assert_int_eq(say(&m), 1);
	ck_assert_uint_eq(active.messages.count, 0);
}
END_TEST

START_TEST(no_more_than_so_many)
{
	for (uint64_t i = 1; i <= LIMIT_NOTICES_PER_HOUR; i++) {
		const struct msg_limit_passed m = passed(i);
		ck_assert_int_eq(say(&m), 1);
	}
	const struct msg_limit_passed m = passed(1000);
	ck_assert_int_eq(say(&m), 0);
	limits.hour_ms -= 3600 * 1000; /* the hour is over */
	ck_assert_int_eq(say(&m), 1);
}
END_TEST

/* What directory may not say. */
static const struct {
	const char *what;
	uint8_t kind, day, held;
	struct str login, network;
} unsound[] = {
    {"no kind", 0, 0, 0, {"ann", 3}, {"", 0}},
    {"another kind", 5, 0, 0, {"ann", 3}, {"", 0}},
    {"day", LIMIT_LOGIN, 2, 0, {"ann", 3}, {"", 0}},
    {"held", LIMIT_LOGIN, 0, 2, {"ann", 3}, {"", 0}},
    {"no login", LIMIT_LOGIN, 0, 0, {"", 0}, {"", 0}},
    {"a line end", LIMIT_LOGIN, 0, 0, {"ann\r\nBcc: x", 11}, {"", 0}},
    {"NUL", LIMIT_LOGIN, 0, 0, {"ann\0", 4}, {"", 0}},
    {"no UTF-8", LIMIT_LOGIN, 0, 0, {"\xff", 1}, {"", 0}},
    {"no address", LIMIT_ADDRESS, 0, 0, {"", 0}, {"\x01\x02\x03", 3}},
    {"no network", LIMIT_NETWORK, 0, 0, {"", 0}, {"\x01\x02\x03\x04", 4}},
};

START_TEST(unsound_breaks_the_channel)
{
	struct msg_limit_passed m = passed(5);
	ck_assert(limit_text_is_sound(&m));
	m.kind = unsound[_i].kind;
	m.day = unsound[_i].day;
	m.held = unsound[_i].held;
	m.login = unsound[_i].login;
	m.network = unsound[_i].network;
	ck_assert_msg(!limit_text_is_sound(&m), "%s", unsound[_i].what);
	ck_assert_int_eq(say(&m), -2);
	ck_assert_uint_eq(active.messages.count, 0);
}
END_TEST

/* ---- the text --------------------------------------------------------------------- */

static const char *text_of(const struct msg_limit_passed *m, uint16_t *flags)
{
	const struct limit_text t = {.templates = &templates,
	    .hostname = STR("mx.example.org"),
	    .to = STR("postmaster@example.org"),
	    .id = 7,
	    .now = UINT64_C(1800000120000),
	    .m = m};
	buf_reset(&out);
	ck_assert(limit_text_is_sound(m));
	ck_assert(limit_text_put(&t, &out, flags));
	ck_assert(buf_append_u8(&out, 0));
	return (const char *)buf_data(&out);
}

static void has(const struct msg_limit_passed *m, const char *what)
{
	uint16_t flags;
	const char *text = text_of(m, &flags);
	ck_assert_msg(strstr(text, what) != NULL, "no \"%s\" in:\n%s", what, text);
}

START_TEST(of_a_login)
{
	struct msg_limit_passed m = passed(5);
	has(&m, "\r\nTo: postmaster@example.org\r\nSubject: A limit of submission was passed\r\n");
	has(&m, "\r\nAuto-Submitted: auto-generated\r\n");
	has(&m, "The login ann@example.org has passed the limit of 100 recipients in an hour");
	has(&m, "Recipients: 105, since Fri, 15 Jan 2027 08:00:00 +0000");
	has(&m, "Clients: 192.0.2.1, 2001:db8::1\r\n");
	has(&m, "is refused for now");
	has(&m, "\r\n    postern usage release ann@example.org\r\n");
	has(&m, "option recipients-per-hour in section");
	m.limit = 1;
	has(&m, "has passed the limit of 1 recipient in an hour");
	m.day = m.held = 1;
	has(&m, "recipients-per-day");
	has(&m, "\r\n    postern queue release --state held --sender ann@example.org\r\n");
	m.login = STR("o'neil; rm@example.org");
	has(&m, "\r\n    postern usage release 'o'\\''neil; rm@example.org'\r\n");
	m.login = STR("--all");
	has(&m, "\r\n    postern usage release '--all'\r\n");
}
END_TEST

START_TEST(of_others)
{
	struct msg_limit_passed m = passed(5);
	m.kind = LIMIT_ADDRESS;
	m.network = str_from("\xc0\x00\x02\x07", 4);
	has(&m, "The client address 192.0.2.7 has");
	has(&m, "postern usage release 192.0.2.7\r\n");
	m.kind = LIMIT_NETWORK;
	m.network = str_from("\x20\x01\x0d\xb8\0\0\0\x01", 8);
	m.held = 1;
	has(&m, "The client network 2001:db8:0:1::/64 has");
	has(&m, "network-recipients-per-hour");
	has(&m, "postern queue list --state held\r\n");
	m.kind = LIMIT_OTHERS;
	m.others = 12;
	has(&m, "Subject: More limits of submission were passed\r\n");
	has(&m, "passed by\r\n12 more logins, client addresses or networks, ");
	m.others = 1;
	has(&m, "passed by\r\n1 more login, client address or network, ");
}
END_TEST

START_TEST(what_is_not_ascii)
{
	struct msg_limit_passed m = passed(5);
	uint16_t flags;
	text_of(&m, &flags);
	ck_assert_uint_eq(flags, 0);
	m.login = STR("j\xc3\xb6rg@example.org");
	ck_assert_ptr_nonnull(strstr(text_of(&m, &flags), "charset=utf-8"));
	ck_assert_uint_eq(flags, ENVELOPE_8BITMIME);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("limit-notices");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, one_mail_and_no_second);
	tcase_add_test(c, not_now);
	tcase_add_test(c, nobody_to_tell);
	tcase_add_test(c, no_more_than_so_many);
	tcase_add_loop_test(
	    c, unsound_breaks_the_channel, 0, (int)(sizeof(unsound) / sizeof(unsound[0])));
	tcase_add_test(c, of_a_login);
	tcase_add_test(c, of_others);
	tcase_add_test(c, what_is_not_ascii);
	return unit_run_case("limit-notices", c);
}
