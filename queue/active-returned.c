/* SPDX-License-Identifier: ISC
 *
 * The active set and deliveries that came to no result: the delivering program went away, or
 * tried nothing.
 */
#include "queue/active.h"

/* How often a message may be under way when a delivering program dies before it is suspected
 * to be the cause and has to wait; see crash_delay. */
enum { CRASHES_FREE = 3, CRASH_DELAY_MAX_S = 300 };

void active_suspect(struct message *m)
{
	if (m->crashes < UINT8_MAX)
		m->crashes++;
}

/* Some messages may be what kills the delivering program. One that was there several times
 * waits a little, longer each time, so that the others get through between. */
static uint64_t crash_delay(const struct message *m)
{
	unsigned over = m->crashes < CRASHES_FREE ? 0 : m->crashes - CRASHES_FREE + 1;
	uint64_t seconds = over == 0 ? 0 : over > 8 ? CRASH_DELAY_MAX_S : UINT64_C(1) << over;
	return (seconds < CRASH_DELAY_MAX_S ? seconds : CRASH_DELAY_MAX_S) * 1000;
}

void active_returned(
    struct active *a, struct job *job, uint16_t number, const struct why *why, struct moment now)
{
	struct message *m = message_of(job);
	uint64_t delay = crash_delay(m);
	m->flags |= MESSAGE_REPEAT;
	if (active_is_disposed(a, m, number))
		return;
	if (delay == 0) {
		active_change_state(a, m, number, RECIPIENT_READY);
		message_push_ready(m, job, number);
		return;
	}
	scheduler_postpone_until(a->scheduler, job, now.ms + delay);
	active_set_state(a, m, number, RECIPIENT_DEFERRED, why);
	message_push_deferred(m, job, number);
}

void active_untried(struct active *a, struct job *job, uint16_t number)
{
	struct message *m = message_of(job);
	if (active_is_disposed(a, m, number))
		return;
	active_change_state(a, m, number, RECIPIENT_READY);
	message_push_ready(m, job, number);
}
