/* SPDX-License-Identifier: ISC
 *
 * Queue's order, kept for as long as the delivery takes.
 */
#include "deliver-remote/delivery-internal.h"

static bool copy_target(
    struct pool *pool, struct remote_target *to, const struct remote_target *from)
{
	*to = *from;
	return pool_copy(pool, from->address, &to->address) &&
	       pool_copy(pool, from->orcpt, &to->orcpt);
}

bool delivery_copy_order(struct delivery *d, const struct remote_delivery *from)
{
	size_t n = from->targets_count;
	d->to = *from;
	d->to.targets = pool_array(d->pool, n, sizeof(*d->to.targets));
	d->outcomes = pool_array(d->pool, n, sizeof(*d->outcomes));
	d->recipients = pool_array(d->pool, n, sizeof(*d->recipients));
	d->numbers = pool_array(d->pool, n, sizeof(*d->numbers));
	bool ok = d->to.targets != NULL && d->outcomes != NULL && d->recipients != NULL &&
		  d->numbers != NULL && pool_copy(d->pool, from->nexthop, &d->to.nexthop) &&
		  pool_copy(d->pool, from->reverse_path, &d->to.reverse_path) &&
		  pool_copy(d->pool, from->envid, &d->to.envid);
	for (size_t i = 0; i < n; i++)
		ok = ok && copy_target(d->pool, &d->to.targets[i], &from->targets[i]);
	return ok;
}
