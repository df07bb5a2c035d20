/* SPDX-License-Identifier: ISC */
#include "queue/recent.h"

static struct recent ring[RECENT_MAX];
static uint64_t last; /* serial */

static void keep(char *out, struct str s)
{
	s = str_head(s, RECENT_TEXT_MAX);
	if (s.n > 0)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
}

void recent_add(uint64_t when, uint64_t id, const char *status, struct str recipient,
    struct str relay, struct str note)
{
	struct recent *r = &ring[++last % RECENT_MAX];
	r->serial = last;
	r->when = when;
	r->id = id;
	r->status = status;
	keep(r->recipient, recipient);
	keep(r->relay, relay);
	keep(r->note, note);
}

const struct recent *recent_after(uint64_t after)
{
	uint64_t first = last < RECENT_MAX ? 1 : last - RECENT_MAX + 1;
	uint64_t serial = after + 1 > first ? after + 1 : first;
	return after >= last ? NULL : &ring[serial % RECENT_MAX];
}
