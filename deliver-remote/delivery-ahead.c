/* SPDX-License-Identifier: ISC
 *
 * A delivery (the follower) whose mail goes ahead on the session of another (its leader), while
 * that one's verdict is to come.
 *
 * It waits for its leader only. If the session does not come to be its own it goes back to queue: a
 * second session, while the leader may have one, would be more than queue counts.
 */
#include "deliver-remote/delivery-internal.h"

void delivery_part(struct delivery *leader, struct delivery *follower)
{
	leader->follower = NULL;
	follower->leader = NULL;
}

/* One that is freed while it has a session was broken off. */
void delivery_leave_session(struct delivery *d)
{
	if (d->leader != NULL) {
		session_withdraw(d->session);
		d->leader->follower = NULL;
	} else if (d->session != NULL) {
		session_abort(d->session);
	}
	if (d->follower != NULL) {
		d->follower->leader = NULL;
		d->follower->session = NULL;
	}
}

void delivery_give_back(struct delivery *d)
{
	delivery_setup->on_returned(d->to.delivery);
	delivery_free(d);
}

void delivery_on_given_up(struct session *s, void *owner)
{
	struct delivery *d = owner;
	(void)s;
	delivery_part(d->leader, d);
	d->session = NULL;
	if (delivery_unsettled(d) == 0)
		delivery_finish(d, REMOTE_UNKNOWN);
	else
		delivery_give_back(d);
}

static bool may_follow(const struct delivery *d, const struct delivery *leader)
{
	return leader->offered && leader->leader == NULL && leader->follower == NULL &&
	       leader->session != NULL && str_eq(d->to.nexthop, leader->to.nexthop) &&
	       session_may_send_ahead(leader->session);
}

void delivery_follow(struct delivery *d, struct delivery *leader)
{
	if (!may_follow(d, leader)) {
		delivery_give_back(d);
		return;
	}
	delivery_set_hop(d, hop_hold(leader->hop));
	if (!session_fits(leader->session, d->wish)) {
		delivery_give_back(d);
		return;
	}
	d->leader = leader;
	leader->follower = d;
	delivery_prepare_mail(d, leader->session);
	if (session_send_ahead(d->session, &d->mail, &d->content, d))
		return;
	delivery_part(leader, d);
	d->session = NULL;
	if (delivery_unsettled(d) == 0)
		delivery_finish(d, REMOTE_UNKNOWN);
	else
		delivery_give_back(d);
}
