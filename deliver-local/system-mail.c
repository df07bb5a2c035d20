/* SPDX-License-Identifier: ISC
 *
 * Invariant: a joint is in `joints` from the message on until its last part has ended.
 */
#include "deliver-local/system-mail.h"
#include "common/address.h"
#include "common/hash.h"
#include "common/mem.h"
#include "deliver-local/joint.h"
#include "deliver-local/remedy.h"
#include "deliver-local/workers.h"

#include <errno.h>
#include <stdlib.h>

static struct hash *joints; /* by delivery */
static const struct conf *conf;

static struct str delivery_of(const void *entry)
{
	const struct joint *j = entry;
	return str_from(&j->delivery, sizeof(j->delivery));
}

static struct joint *find(uint64_t delivery)
{
	return hash_find(joints, str_from(&delivery, sizeof(delivery)));
}

static void finish(struct joint *j, enum joint_end end)
{
	if (end == JOINT_OPEN)
		return;
	hash_take(joints, delivery_of(j));
	if (end != JOINT_NOTHING)
		serve_durable(j->delivery, end == JOINT_DURABLE);
	free(j);
}

static void on_results(uint64_t delivery, struct local_result *results, size_t n, bool visible)
{
	struct joint *j = find(delivery);
	if (j == NULL)
		return;
	serve_results(delivery, results, n);
	finish(j, joint_answered(j, visible));
}

static void on_settled(uint64_t delivery, bool durable)
{
	struct joint *j = find(delivery);
	if (j != NULL)
		finish(j, joint_settled(j, durable));
}

static bool on_synced(uint64_t delivery, bool durable)
{
	bool known = find(delivery) != NULL;
	on_settled(delivery, durable);
	return known;
}

/* Whose mail it is: the name in a domain of the machine's users; else empty. */
static struct str user_of(const struct mailbox_target *target)
{
	struct str local_part, domain;
	if (!address_split(target->address, &local_part, &domain) ||
	    !conf_is_system_domain(conf, domain))
		return (struct str){NULL, 0};
	return local_part;
}

static bool is_any_users(const struct local_delivery *to)
{
	for (size_t i = 0; i < to->targets_count; i++)
		if (user_of(&to->targets[i]).n > 0)
			return true;
	return false;
}

/* The targets of this user, none: of virtual users. */
static struct local_delivery part_of(
    const struct local_delivery *to, struct str user, struct mailbox_target *space)
{
	struct local_delivery part = *to;
	part.targets = space;
	part.targets_count = 0;
	for (size_t i = 0; i < to->targets_count; i++)
		if (str_eq(user_of(&to->targets[i]), user))
			space[part.targets_count++] = to->targets[i];
	return part;
}

static bool came_before(const struct local_delivery *to, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(user_of(&to->targets[k]), user_of(&to->targets[i])))
			return true;
	return false;
}

static size_t count_parts(const struct local_delivery *to)
{
	size_t n = 0;
	for (size_t i = 0; i < to->targets_count; i++)
		n += !came_before(to, i);
	return n;
}

static struct joint *new_joint(const struct local_delivery *to)
{
	struct joint *j = xcalloc(1, sizeof(*j));
	*j = (struct joint){.delivery = to->delivery, .unanswered = count_parts(to)};
	free(hash_put(joints, j));
	return j;
}

static bool defer_all(const struct local_delivery *to)
{
	struct local_result results[RECIPIENTS_PER_PACKET];
	const struct remedy *remedy = remedy_for(errno);
	for (size_t i = 0; i < to->targets_count; i++)
		results[i] = (struct local_result){.number = to->targets[i].number,
		    .outcome = DELIVERY_DEFERRED,
		    .enhanced = str_from_cstr(remedy->enhanced),
		    .text = str_from_cstr(remedy->text)};
	serve_results(to->delivery, results, to->targets_count);
	return true;
}

static bool on_deliver(const struct local_delivery *to, struct str text, int fd, uint64_t size)
{
	struct mailbox_target space[RECIPIENTS_PER_PACKET];
	if (!is_any_users(to))
		return false;
	struct letter *letter = letter_new(to, text, fd, size);
	if (letter == NULL)
		return defer_all(to);
	struct joint *j = new_joint(to);
	for (size_t i = 0; i < to->targets_count; i++) {
		struct str user = user_of(&to->targets[i]);
		if (came_before(to, i))
			continue;
		struct local_delivery part = part_of(to, user, space);
		if (user.n > 0)
			workers_deliver(user, &part, letter);
		else
			finish(j, joint_answered(j, serve_part(&part, text, fd, size)));
	}
	letter_drop(letter);
	return true;
}

static void free_joint(void *entry, void *ctx)
{
	(void)ctx;
	free(entry);
}

static void on_gone(void)
{
	workers_forget();
	hash_each(joints, free_joint, NULL);
	hash_clear(joints);
}

void system_mail_use(const struct conf *fresh)
{
	conf = fresh;
}

const struct serve_hooks *system_mail_start(const struct conf *first)
{
	static const struct serve_hooks hooks = {
	    .deliver = on_deliver, .synced = on_synced, .gone = on_gone};
	static const struct workers_hooks worker_hooks = {
	    .results = on_results, .settled = on_settled};
	joints = hash_new(delivery_of);
	workers_start(&worker_hooks);
	conf = first;
	return &hooks;
}
