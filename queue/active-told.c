/* SPDX-License-Identifier: ISC
 *
 * What senders were told: by results, and by notices that recovery finds.
 */
#include "queue/active.h"
#include "common/mem.h"

#include <stdlib.h>

void active_bounced(struct active *a, struct message *m, uint16_t number)
{
	active_set_state(a, m, number, RECIPIENT_BOUNCED, NULL);
	active_record(a, m, number, SPOOL_BOUNCED);
}

void active_told(struct active *a, struct message *m, uint16_t number)
{
	unsigned state = message_recipients(m)[number].state;
	if (state == RECIPIENT_FAILED) {
		active_bounced(a, m, number);
	} else if (state == RECIPIENT_SUCCEEDED) {
		active_set_state(a, m, number, RECIPIENT_DELIVERED, NULL);
		active_record(a, m, number, SPOOL_DELIVERED);
	}
}

void active_warned(struct active *a, struct message *m)
{
	m->flags |= MESSAGE_WARNED;
	active_record(a, m, 0, SPOOL_WARNED);
}

/* --- what notices in the spool have told -------------------------------- */

struct settled {
	uint64_t about;
	uint8_t outcome;
	size_t count;
	uint16_t *numbers;
};

void active_on_settled(struct active *a, const struct spool_settled *from)
{
	size_t n = a->settled_count;
	if ((n & (n - 1)) == 0)
		a->settled = xreallocarray(a->settled, n == 0 ? 1 : n * 2, sizeof(*a->settled));
	struct settled *s = &a->settled[a->settled_count++];
	*s = (struct settled){.about = from->about, .outcome = from->outcome, .count = from->count};
	s->numbers = xreallocarray(NULL, from->count + 1, sizeof(*s->numbers));
	for (size_t i = 0; i < from->count; i++)
		s->numbers[i] = from->numbers[i];
}

/* The results that say so may have been lost; they must be there before the notice is finished. */
static void apply_settled(struct active *a, const struct settled *s)
{
	struct message *m = index_find(&a->messages, s->about);
	if (m != NULL && s->outcome == SPOOL_WARNED && !(m->flags & MESSAGE_WARNED))
		active_warned(a, m);
	for (size_t i = 0; m != NULL && i < s->count; i++)
		if (s->numbers[i] < m->recipient_count)
			active_told(a, m, s->numbers[i]);
}

void active_forget_settled(struct active *a)
{
	for (size_t i = 0; i < a->settled_count; i++)
		free(a->settled[i].numbers);
	free(a->settled);
	a->settled = NULL;
	a->settled_count = 0;
}

void active_apply_settled(struct active *a)
{
	for (size_t i = 0; i < a->settled_count; i++)
		apply_settled(a, &a->settled[i]);
	active_forget_settled(a);
}
