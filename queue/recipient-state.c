/* SPDX-License-Identifier: ISC */
#include "queue/recipient-state.h"

#include <stddef.h>

static const struct {
	unsigned state;
	const char *name;
} names[] = {
    {RECIPIENT_READY, "ready"},
    {RECIPIENT_ACTIVE, "active"},
    {RECIPIENT_VISIBLE, "syncing"},
    {RECIPIENT_DEFERRED, "deferred"},
    {RECIPIENT_HELD, "held"},
    {RECIPIENT_FAILED, "failed"},
    {RECIPIENT_DELIVERED, "delivered"},
    {RECIPIENT_SUCCEEDED, "succeeded"},
    {RECIPIENT_BOUNCED, "bounced"},
};

const char *recipient_state_name(unsigned state)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].state == state)
			return names[i].name;
	return "unknown";
}
