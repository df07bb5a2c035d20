/* SPDX-License-Identifier: ISC
 *
 * Invariant: a delivery is in `waiting` while `pending` > 0, else in `settling`;
 * `pending` and `visible` count its items.
 */
#include "queue/delivery.h"
#include "common/mem.h"

#include <stdlib.h>

static struct str key_of(const void *delivery)
{
	const struct delivery *d = delivery;
	return str_from(&d->cookie, sizeof(d->cookie));
}

void deliveries_init(struct deliveries *all)
{
	*all = (struct deliveries){.by_cookie = hash_new(key_of), .next_cookie = 1};
	TAILQ_INIT(&all->waiting);
	TAILQ_INIT(&all->settling);
	TAILQ_INIT(&all->offering);
}

static void free_delivery(void *delivery, void *ctx)
{
	(void)ctx;
	free(delivery);
}

void deliveries_reset(struct deliveries *all)
{
	hash_each(all->by_cookie, free_delivery, NULL);
	hash_free(all->by_cookie);
	*all = (struct deliveries){0};
}

struct delivery *delivery_new(
    struct deliveries *all, struct job *job, const uint16_t *numbers, size_t count)
{
	struct delivery *d = xcalloc(1, sizeof(*d) + count * sizeof(d->items[0]));
	d->cookie = all->next_cookie++;
	d->job = job;
	d->count = d->pending = (uint16_t)count;
	for (size_t i = 0; i < count; i++)
		d->items[i] = (struct delivery_item){.number = numbers[i], .state = ITEM_PENDING};
	TAILQ_INSERT_TAIL(&all->waiting, d, link);
	hash_put(all->by_cookie, d);
	all->count++;
	return d;
}

static struct delivery_list *list_of(struct deliveries *all, const struct delivery *d)
{
	return d->pending > 0 ? &all->waiting : &all->settling;
}

void delivery_end(struct deliveries *all, struct delivery *d)
{
	TAILQ_REMOVE(list_of(all, d), d, link);
	hash_take(all->by_cookie, key_of(d));
	all->count--;
	free(d);
}

struct delivery *delivery_find(const struct deliveries *all, uint64_t cookie)
{
	return hash_find(all->by_cookie, str_from(&cookie, sizeof(cookie)));
}

struct delivery_item *delivery_item(struct delivery *d, uint16_t number, size_t hint)
{
	for (size_t i = 0; i < d->count; i++) {
		struct delivery_item *item = &d->items[(hint + i) % d->count];
		if (item->number == number)
			return item->state == ITEM_PENDING ? item : NULL;
	}
	return NULL;
}

void delivery_result(
    struct deliveries *all, struct delivery *d, struct delivery_item *item, enum item_state state)
{
	item->state = (uint8_t)state;
	if (state == ITEM_VISIBLE)
		d->visible++;
	if (d->pending > 1) {
		d->pending--;
		return;
	}
	TAILQ_REMOVE(&all->waiting, d, link);
	d->pending = 0;
	TAILQ_INSERT_TAIL(&all->settling, d, link);
}
