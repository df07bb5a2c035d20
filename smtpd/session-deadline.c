/* SPDX-License-Identifier: ISC
 *
 * When a session has waited long enough, and for what.
 */
#include "common/loop.h"
#include "smtpd/session-internal.h"
#include "smtpd/session-log.h"

static struct deadline_wheel wheel;

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t content_received(const struct session *s)
{
	return s->smtp.txn.content.size + s->smtp.txn.discarded;
}

/* When the content's average rate falls below the least. */
static uint64_t too_slow_at(const struct session *s)
{
	if (s->policy->data_rate_min == 0)
		return UINT64_MAX;
	uint64_t grace_ms = min(RATE_GRACE_MS, s->policy->data_timeout_ms);
	return s->content_ms + grace_ms + content_received(s) * 1000 / s->policy->data_rate_min;
}

static uint64_t session_end_at(const struct session *s)
{
	return s->started_ms + s->policy->session_timeout_ms;
}

static uint64_t due_at(const struct session *s)
{
	if (s->lingering)
		return s->waiting_ms + LINGER_MS;
	if (s->handshake_ms != 0)
		return min(session_end_at(s), s->handshake_ms + HANDSHAKE_MS);
	if (smtp_server_is_waiting(&s->smtp))
		return loop_now_ms() + QUEUE_TIMEOUT_MS; /* the clients of others have their own */
	uint64_t due = session_end_at(s);
	if (s->content_ms != 0)
		due = min(due, too_slow_at(s));
	if (smtp_server_in_content(&s->smtp) && !s->blocked)
		return min(due, s->octet_ms + s->policy->data_timeout_ms);
	return min(due, s->waiting_ms + s->policy->command_timeout_ms);
}

static enum smtp_status why_due(const struct session *s, uint64_t now_ms)
{
	if (now_ms >= session_end_at(s))
		return STATUS_SESSION_TOO_LONG;
	return s->content_ms != 0 && now_ms >= too_slow_at(s) ? STATUS_TOO_SLOW : STATUS_TIMEOUT;
}

static void on_due(struct deadline *d, void *ctx)
{
	struct session *s = SESSION_OF(d, deadline);
	uint64_t now_ms = *(const uint64_t *)ctx;
	uint64_t due = due_at(s);
	if (due > now_ms) {
		deadline_set(&wheel, d, due);
		return;
	}
	if (s->handshake_ms != 0)
		session_log_tls_failure(s, "it took too long");
	else if (!s->lingering)
		session_log_event(s, "timeout");
	/* Who does not even read what we said before is told nothing. */
	s->broken = s->broken || s->blocked || s->lingering || s->handshake_ms != 0;
	session_end(s, why_due(s, now_ms));
}

void session_tick(uint64_t now_ms)
{
	deadline_advance(&wheel, now_ms, on_due, &now_ms);
}

void session_deadline_setup(void)
{
	deadline_wheel_init(&wheel, loop_now_ms());
}

void session_deadline_set(struct session *s)
{
	deadline_set(&wheel, &s->deadline, due_at(s));
}
