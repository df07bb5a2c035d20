/* SPDX-License-Identifier: ISC
 *
 * Invariant: a session whose place is not PLACE_NOWHERE is in that line and waits
 * for a command; lines are in the order in which their sessions last did
 * something.
 */
#include "smtpd/crowd.h"
#include "common/loop.h"

TAILQ_HEAD(line, session);

static struct line everybody = TAILQ_HEAD_INITIALIZER(everybody);
static struct line idle = TAILQ_HEAD_INITIALIZER(idle);
static struct line in_transaction = TAILQ_HEAD_INITIALIZER(in_transaction);
static struct line *const lines[] = {[PLACE_IDLE] = &idle, [PLACE_TRANSACTION] = &in_transaction};
static size_t count;
static struct admission *table;
static bool stopping;
static void (*on_empty)(void);

void crowd_setup(struct admission *admission)
{
	table = admission;
}

bool crowd_admit(const struct sockaddr *address, unsigned limit)
{
	return table == NULL || admission_enter(table, address, limit);
}

void crowd_dismiss(const struct sockaddr *address)
{
	if (table != NULL)
		admission_leave(table, address);
}

size_t crowd_count(void)
{
	return count;
}

void crowd_enter(struct session *s)
{
	TAILQ_INSERT_TAIL(&everybody, s, all);
	s->place = PLACE_NOWHERE;
	count++;
}

static void leave_line(struct session *s)
{
	if (s->place != PLACE_NOWHERE)
		TAILQ_REMOVE(lines[s->place], s, turn);
	s->place = PLACE_NOWHERE;
}

void crowd_leave(struct session *s)
{
	leave_line(s);
	TAILQ_REMOVE(&everybody, s, all);
	count--;
	if (count == 0 && on_empty != NULL)
		on_empty();
}

static enum session_place place_of(const struct session *s)
{
	const struct smtp_server *smtp = &s->smtp;
	if (s->handshake_ms != 0)
		return PLACE_IDLE;
	if (s->lingering || s->blocked ||
	    (smtp->phase != PHASE_COMMAND && smtp->phase != PHASE_OVERLONG))
		return PLACE_NOWHERE;
	return smtp->state & (SMTP_CONNECTED | SMTP_READY) ? PLACE_IDLE : PLACE_TRANSACTION;
}

void crowd_move(struct session *s)
{
	leave_line(s);
	s->place = place_of(s);
	if (s->place != PLACE_NOWHERE)
		TAILQ_INSERT_TAIL(lines[s->place], s, turn);
}

bool crowd_give_way(void)
{
	struct session *s = TAILQ_FIRST(&idle);
	if (s == NULL) {
		s = TAILQ_FIRST(&in_transaction);
		if (s == NULL || loop_now_ms() - s->waiting_ms < CROWD_STRESS_MS)
			return false;
	}
	session_drop(s, STATUS_GIVE_WAY);
	return true;
}

bool crowd_is_stopping(void)
{
	return stopping;
}

/* A login that has failed already is nothing that a client could lose. */
static bool is_at_work(const struct session *s)
{
	return s->place == PLACE_NOWHERE && s->auth.answer == NULL;
}

void crowd_stop(bool all, void (*empty)(void))
{
	struct session *s, *next;
	stopping = true;
	on_empty = NULL;
	for (s = TAILQ_FIRST(&everybody); s != NULL; s = next) {
		next = TAILQ_NEXT(s, all);
		if (all || !is_at_work(s))
			session_drop(s, STATUS_SHUTDOWN);
	}
	on_empty = empty;
	if (count == 0)
		empty();
}
