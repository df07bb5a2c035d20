/* SPDX-License-Identifier: ISC */
#include "deliver-remote/addresses.h"

struct family {
	const struct ip_address *list;
	size_t count, first, taken;
	uint8_t number;
};

/* Every address of a family is as likely as any other to be the first one. */
static struct family family_of(
    uint8_t number, const struct ip_address *list, size_t count, uint64_t chance)
{
	return (struct family){list, count, count > 0 ? chance % count : 0, 0, number};
}

static bool take(struct family *f, uint16_t port, struct place *out)
{
	while (f->taken < f->count) {
		size_t i = (f->first + f->taken++) % f->count;
		if (place_from_octets(out, f->number, f->list[i].octets, port))
			return true;
	}
	return false;
}

size_t addresses_order(struct place out[ADDRESSES_MAX], const struct ip_address *v6,
    size_t v6_count, const struct ip_address *v4, size_t v4_count, uint16_t port, bool v4_first,
    uint64_t chance)
{
	struct family six = family_of(6, v6, v6_count, chance >> 32);
	struct family four = family_of(4, v4, v4_count, chance & UINT32_MAX);
	struct family *turn[2] = {v4_first ? &four : &six, v4_first ? &six : &four};
	size_t n = 0, misses = 0;
	for (size_t i = 0; n < ADDRESSES_MAX && misses < 2; i++) {
		if (take(turn[i % 2], port, &out[n])) {
			n++;
			misses = 0;
		} else {
			misses++;
		}
	}
	return n;
}
