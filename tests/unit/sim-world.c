/* SPDX-License-Identifier: ISC */
#include "tests/unit/sim-world.h"

#include <stdio.h>

static const struct {
	const char *name;
	unsigned count;
	uint64_t up_min, up_max, down_min, down_max; /* 0: does not change */
	uint64_t takes_min, takes_max;
} kinds[HOST_KINDS] = {
    [HOST_LIVE] = {"live", 30, .takes_min = 100, .takes_max = 2 * SECOND},
    [HOST_SLOW] = {"slow", 30, .takes_min = MINUTE, .takes_max = 3 * MINUTE},
    [HOST_HANG] = {"hang", 12, .takes_min = 5 * MINUTE, .takes_max = 5 * MINUTE},
    [HOST_DEAD] = {"dead", 12, .takes_min = 30 * SECOND, .takes_max = 30 * SECOND},
    [HOST_NIGHT] = {"night", 8, DAY, 12 * DAY, 2 * HOUR, 60 * HOUR, 200, 4 * SECOND},
    [HOST_FLAP] = {"flap", 8, MINUTE, HOUR, MINUTE, HOUR, 200, 4 * SECOND},
    [HOST_DNS] = {"dns", 3, DAY, 12 * DAY, 2 * HOUR, 20 * HOUR, 200, 4 * SECOND},
    [HOST_GREY] = {"grey", 6, .takes_min = 200, .takes_max = 3 * SECOND},
    [HOST_PACED] = {"paced", 4, .takes_min = 100, .takes_max = 2 * SECOND},
    [HOST_SMALL] = {"small", 4, .takes_min = SECOND, .takes_max = 9 * SECOND},
    [HOST_BRIEF] = {"brief", 4, HOUR, 5 * DAY, 2 * HOUR, 60 * HOUR, 200, 4 * SECOND},
};

uint64_t world_roll(struct world *w, uint64_t below)
{
	uint64_t z = w->chance += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
}

static uint64_t between(struct world *w, uint64_t min, uint64_t max)
{
	return min + world_roll(w, max - min + 1);
}

static void write_script(struct world *w, struct host *h, uint64_t until)
{
	uint64_t now = 0;
	while (kinds[h->kind].up_max > 0 && now < until) {
		bool up = h->switch_count % 2 == 0;
		now += up ? between(w, kinds[h->kind].up_min, kinds[h->kind].up_max)
			  : between(w, kinds[h->kind].down_min, kinds[h->kind].down_max);
		sim_require(h->switch_count < SWITCHES_MAX, "too many outages");
		if (up && now >= until)
			break; /* in the end all that ever were up are up */
		h->switches[h->switch_count++] = (uint32_t)(now / SECOND);
	}
}

void world_init(struct world *w, uint64_t seed, uint64_t until)
{
	*w = (struct world){.chance = seed};
	for (unsigned kind = 0; kind < HOST_KINDS; kind++)
		for (unsigned i = 0; i < kinds[kind].count; i++) {
			struct host *h = &w->hosts[w->host_count++];
			h->kind = (enum host_kind)kind;
			snprintf(h->name, sizeof(h->name), "%s%u.%s.example", kinds[kind].name, i,
			    kinds[kind].name);
			write_script(w, h, until);
		}
}

unsigned world_count(enum host_kind kind)
{
	return kinds[kind].count;
}

struct host *world_host(struct world *w, enum host_kind kind, unsigned number)
{
	struct host *h = w->hosts;
	for (unsigned k = 0; k < kind; k++)
		h += kinds[k].count;
	return h + number;
}

struct host *world_find(struct world *w, struct str name)
{
	for (unsigned i = 0; i < w->host_count; i++)
		if (str_eq(name, str_from_cstr(w->hosts[i].name)))
			return &w->hosts[i];
	ck_abort_msg("no host %.*s", STR_ARG(name));
	return NULL;
}

bool host_is_up(const struct host *h, uint64_t now)
{
	unsigned i = 0;
	if (h->kind == HOST_DEAD || h->kind == HOST_HANG)
		return false;
	while (i < h->switch_count && h->switches[i] * SECOND <= now)
		i++;
	return i % 2 == 0;
}

uint64_t world_takes(struct world *w, const struct host *h, uint64_t now)
{
	bool fixed = h->kind == HOST_DEAD || h->kind == HOST_HANG;
	if (!fixed && !host_is_up(h, now) && h->kind != HOST_DNS)
		return 30 * SECOND;
	return between(w, kinds[h->kind].takes_min, kinds[h->kind].takes_max);
}

enum destination_verdict host_verdict(const struct host *h, uint64_t now)
{
	if (host_is_up(h, now))
		return DESTINATION_WORKS;
	return h->kind == HOST_DNS ? DESTINATION_UNKNOWN : DESTINATION_FAILS;
}
