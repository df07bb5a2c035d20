/* SPDX-License-Identifier: ISC
 *
 * How long a client may take for a TLS handshake, by a clock of the test's own; the rest of a
 * session is stood in for.
 */
#include "common/loop.h"
#include "smtpd/deadline.h"
#include "smtpd/session-internal.h"
#include "smtpd/session-log.h"
#include "tests/unit/unit.h"

enum { START = 7 * 1000 * 1000, HOUR_MS = 3600 * 1000 };

static uint64_t now = START;
static struct policy policy = {.session_timeout_ms = HOUR_MS, .command_timeout_ms = 1000};
static struct session session;
static unsigned ended, failures;
static enum smtp_status status;

uint64_t loop_now_ms(void)
{
	return now;
}

void session_log_event(const struct session *s, const char *what)
{
	(void)s;
	ck_abort_msg("no word of a handshake: %s", what);
}

void session_log_tls_failure(const struct session *s, const char *why)
{
	ck_assert_ptr_eq(s, &session);
	ck_assert_str_eq(why, "it took too long");
	failures++;
}

void session_end(struct session *s, enum smtp_status why)
{
	ck_assert_ptr_eq(s, &session);
	status = why;
	ended++;
}

/* It began `before_ms` after the session. */
static void begin(uint64_t before_ms)
{
	session_deadline_setup();
	ended = failures = 0;
	session = (struct session){.policy = &policy,
	    .started_ms = now,
	    .waiting_ms = now,
	    .handshake_ms = now + before_ms};
	session_deadline_set(&session);
}

/* Until then it goes on, whatever comes; not longer than a turn of the wheel after it, it is over.
 */
static void check_end_at(uint64_t ms, enum smtp_status why)
{
	uint64_t begun = now;
	for (; now < begun + ms; now += DEADLINE_TICK_MS / 4) {
		session_deadline_set(&session);
		session_tick(now);
		ck_assert_uint_eq(ended, 0);
	}
	now = begun + ms + DEADLINE_TICK_MS;
	session_tick(now);
	ck_assert_uint_eq(ended, 1);
	ck_assert_uint_eq(failures, 1);
	ck_assert_int_eq(status, why);
}

START_TEST(a_handshake_has_a_minute)
{
	ck_assert_int_eq(HANDSHAKE_MS, 60 * 1000);
	begin(0);
	check_end_at(60 * 1000, STATUS_TIMEOUT);
}
END_TEST

/* One that STARTTLS begins, too. */
START_TEST(it_counts_from_its_own_beginning)
{
	begin(5000);
	check_end_at(65 * 1000, STATUS_TIMEOUT);
}
END_TEST

START_TEST(a_session_may_be_shorter)
{
	policy.session_timeout_ms = 20 * 1000;
	begin(0);
	check_end_at(20 * 1000, STATUS_SESSION_TOO_LONG);
}
END_TEST

UNIT_MAIN("session_deadline", a_handshake_has_a_minute, it_counts_from_its_own_beginning,
    a_session_may_be_shorter)
