/* SPDX-License-Identifier: ISC */
#include "deliver-local/letter.h"
#include "common/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct str copy(struct str s)
{
	return (struct str){str_dup(s), s.n};
}

static void release(struct str s)
{
	free((char *)(uintptr_t)s.p);
}

struct letter *letter_new(
    const struct local_delivery *to, struct str content, int fd, uint64_t size)
{
	int own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && own < 0)
		return NULL;
	struct letter *l = xcalloc(1, sizeof(*l));
	*l = (struct letter){.refs = 1, .to = *to, .fd = own, .size = size};
	l->to.targets = NULL;
	l->to.targets_count = 0;
	l->to.reverse_path = copy(to->reverse_path);
	l->content = copy(content);
	return l;
}

struct letter *letter_ref(struct letter *l)
{
	l->refs++;
	return l;
}

void letter_drop(struct letter *l)
{
	if (l == NULL || --l->refs > 0)
		return;
	release(l->to.reverse_path);
	release(l->content);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

bool letter_send(const struct letter *l, struct channel *channel, uint64_t number,
    struct mailbox_target *targets, size_t n)
{
	struct local_delivery to = l->to;
	to.delivery = number;
	to.targets = targets;
	to.targets_count = n;
	if (l->fd >= 0)
		return msg_deliver_large_send(
		    channel, &(struct msg_deliver_large){.to = to, .size = l->size}, &l->fd);
	return msg_deliver_send(
	    channel, &(struct msg_deliver){.to = to, .content = l->content}, NULL);
}
