/* SPDX-License-Identifier: ISC
 *
 * `phase` and `step_ms` are those of the last step that the server made, so that octets which
 * complete nothing do not put off a deadline.
 */
#include "deliver-remote/session-internal.h"
#include "common/loop.h"

static uint64_t content_due(const struct session *s)
{
	uint64_t slow =
	    s->content_ms + s->policy->data_ms + s->content.size * 1000 / SESSION_RATE_MIN;
	uint64_t stuck = s->step_ms + s->policy->data_ms;
	return slow < stuck ? slow : stuck;
}

static uint64_t handshake_ms(const struct session *s)
{
	uint64_t limit = s->policy->command_ms;
	return s->signing && limit > SESSION_SIGN_MS ? SESSION_SIGN_MS : limit;
}

uint64_t session_due_at(const struct session *s)
{
	if (s->handshaking)
		return s->step_ms + handshake_ms(s);
	switch (s->phase) {
	case CLIENT_PHASE_GREETING:
		return s->step_ms + s->policy->greeting_ms;
	case CLIENT_PHASE_IDLE:
		return s->waiting ? s->step_ms + s->policy->reuse_idle_ms : UINT64_MAX;
	case CLIENT_PHASE_CONTENT:
		return content_due(s);
	case CLIENT_PHASE_END:
		return s->step_ms + s->policy->end_ms;
	case CLIENT_PHASE_QUIT:
		return s->step_ms + SESSION_QUIT_MS;
	default:
		return s->step_ms + s->policy->command_ms;
	}
}

/* Deadlines are put off far more often than they are reached: the timer is only ever moved
 * forward, and looks again when it fires. */
void session_arm(struct session *s)
{
	uint64_t due = session_due_at(s);
	if (due >= s->timer_ms)
		return;
	s->timer_ms = due;
	loop_timer_at(&s->timer, due);
}

/* What went ahead is answered together with the verdict before it, and says nothing of its own. */
static void measure(struct session *s, enum client_phase phase, uint64_t now_ms)
{
	if (s->phase == CLIENT_PHASE_END)
		s->verdict_ms = now_ms - s->step_ms;
	if (phase != CLIENT_PHASE_CONTENT || s->asked_ms == 0)
		return;
	s->round_trip_ms = now_ms - s->asked_ms;
	s->asked_ms = 0;
}

void session_note_step(struct session *s)
{
	enum client_phase phase = s->started ? client_phase(&s->client) : CLIENT_PHASE_GREETING;
	if (phase == CLIENT_PHASE_OVER ||
	    (phase == s->phase && s->client.outstanding == s->outstanding))
		return;
	uint64_t now_ms = loop_now_ms();
	measure(s, phase, now_ms);
	s->step_ms = now_ms;
	if (phase == CLIENT_PHASE_CONTENT && s->phase != CLIENT_PHASE_CONTENT)
		s->content_ms = s->step_ms;
	s->phase = phase;
	s->outstanding = s->client.outstanding;
}
