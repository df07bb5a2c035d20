/* SPDX-License-Identifier: ISC
 *
 * Invariant: while it is `running` the timer is armed; whatever happens is told from the event
 * loop, and a callback that stops the dial ends the work at once.
 */
#include "deliver-remote/dial.h"
#include "common/loop.h"
#include "deliver-remote/idle.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static struct dead dead;
static int descriptor_limit = INT32_MAX;

void dial_setup(int limit)
{
	descriptor_limit = limit;
}

struct dead *dial_dead(void)
{
	return &dead;
}

/* ---- one attempt --------------------------------------------------------------- */

static void end_attempt(struct dial_attempt *a)
{
	if (a->fd < 0)
		return;
	event_del(&a->writable);
	close(a->fd);
	a->fd = -1;
}

static int new_socket(const struct place *to)
{
	int fd = socket(
	    to->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < descriptor_limit)
		return fd;
	close(fd);
	errno = EMFILE;
	return -1;
}

static int open_socket(const struct dial *d, const struct place *to)
{
	const int on = 1;
	int fd = new_socket(to);
	/* Mail that is here goes before a session that might be of use later. */
	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && idle_drop())
		fd = new_socket(to);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	const struct place *from = to->family == 4 ? &d->policy->source4 : &d->policy->source6;
	struct sockaddr_storage sa;
	if (!(to->family == 4 ? d->policy->bind4 : d->policy->bind6))
		return fd;
	/* The port is chosen by connect, so that there are more than 28,000 of them. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, place_sockaddr(from, &sa)) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* 0, or an errno. */
static int begin_connect(struct dial_attempt *a)
{
	struct sockaddr_storage sa;
	const struct place *to = &a->place;
	a->fd = open_socket(a->dial, to);
	if (a->fd < 0)
		return errno;
	socklen_t n = place_sockaddr(to, &sa);
	if (connect(a->fd, (struct sockaddr *)&sa, n) == 0 || errno == EINPROGRESS)
		return 0;
	int error = errno;
	close(a->fd);
	a->fd = -1;
	if (error == ENETUNREACH || error == EAFNOSUPPORT)
		dead_note_family(&dead, to->family, loop_now_ms());
	return error;
}

static bool is_loop(const struct dial_attempt *a)
{
	struct sockaddr_storage sa;
	struct place local;
	socklen_t n = sizeof(sa);
	return getsockname(a->fd, (struct sockaddr *)&sa, &n) == 0 &&
	       place_from_sockaddr(&local, (struct sockaddr *)&sa) &&
	       policy_is_self(a->dial->policy, &a->place, &local);
}

/* ---- all attempts -------------------------------------------------------------- */

static void arm(struct dial *d);

static void tell_fault(struct dial *d, const struct place *place, enum link_fault fault)
{
	dead_note(&dead, place, fault, loop_now_ms());
	d->next_ms = loop_now_ms(); /* no use in waiting for that one */
	d->events->on_fault(d, place, fault);
}

/* Those that were only slower are tried again when this one is no good after all. */
static void put_back_others(struct dial *d)
{
	for (size_t i = 0; i < DIAL_PARALLEL; i++)
		if (d->attempts[i].fd >= 0)
			d->places[--d->next] = d->attempts[i].place;
}

static void tell_connected(struct dial_attempt *a)
{
	struct dial *d = a->dial;
	int fd = a->fd;
	event_del(&a->writable);
	a->fd = -1;
	dead_forget_family(&dead, a->place.family);
	put_back_others(d);
	dial_stop(d);
	d->events->on_connected(d, fd, &a->place);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct dial_attempt *a = arg;
	struct dial *d = a->dial;
	int error = 0;
	socklen_t n = sizeof(error);
	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	enum link_fault fault = error != 0   ? fault_from_errno(error)
				: is_loop(a) ? LINK_SELF
					     : LINK_NONE;
	if (fault == LINK_NONE) {
		tell_connected(a);
		return;
	}
	end_attempt(a);
	tell_fault(d, &a->place, fault);
	arm(d);
}

static struct dial_attempt *find_attempt(struct dial *d, bool idle)
{
	for (size_t i = 0; i < DIAL_PARALLEL; i++)
		if ((d->attempts[i].fd < 0) == idle)
			return &d->attempts[i];
	return NULL;
}

static void begin_attempt(struct dial *d, struct dial_attempt *a, uint64_t now_ms)
{
	a->place = d->places[d->next++];
	d->next_ms = now_ms + DIAL_HEAD_START_MS;
	enum link_fault fault = dead_find(&dead, &a->place, now_ms);
	int error = fault == LINK_NONE ? begin_connect(a) : 0;
	if (error != 0)
		fault = fault_from_errno(error);
	if (fault != LINK_NONE) {
		d->next_ms = now_ms;
		d->events->on_fault(d, &a->place, fault);
		return;
	}
	a->due_ms = now_ms + d->policy->connect_ms;
	event_assign(&a->writable, loop_base(), a->fd, EV_WRITE, on_writable, a);
	event_add(&a->writable, NULL);
}

static void end_late_attempts(struct dial *d, uint64_t now_ms)
{
	for (size_t i = 0; i < DIAL_PARALLEL && d->running; i++) {
		struct dial_attempt *a = &d->attempts[i];
		if (a->fd < 0 || a->due_ms > now_ms)
			continue;
		end_attempt(a);
		tell_fault(d, &a->place, LINK_TIMED_OUT);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;
	struct dial_attempt *a;
	uint64_t now_ms = loop_now_ms();
	(void)fd;
	(void)what;
	end_late_attempts(d, now_ms);
	while (d->running && d->next < d->count && d->next_ms <= now_ms &&
	       (a = find_attempt(d, true)) != NULL)
		begin_attempt(d, a, now_ms);
	arm(d);
}

static uint64_t due_of(struct dial *d)
{
	uint64_t due = UINT64_MAX;
	if (d->next < d->count && find_attempt(d, true) != NULL)
		due = d->next_ms;
	for (size_t i = 0; i < DIAL_PARALLEL; i++)
		if (d->attempts[i].fd >= 0 && d->attempts[i].due_ms < due)
			due = d->attempts[i].due_ms;
	return due;
}

static void arm(struct dial *d)
{
	if (!d->running)
		return;
	uint64_t due = due_of(d);
	if (due == UINT64_MAX) {
		dial_stop(d);
		d->events->on_exhausted(d);
		return;
	}
	loop_timer_at(&d->timer, due);
}

/* ---- */

void dial_init(struct dial *d, const struct dial_events *events)
{
	memset(d, 0, sizeof(*d));
	d->events = events;
	for (size_t i = 0; i < DIAL_PARALLEL; i++)
		d->attempts[i] = (struct dial_attempt){.dial = d, .fd = -1};
	evtimer_assign(&d->timer, loop_base(), on_timer, d);
}

/* With nothing left to try, on_exhausted is told from the loop like everything else. */
void dial_next(struct dial *d)
{
	d->running = true;
	d->next_ms = loop_now_ms();
	loop_timer_start(&d->timer, 0);
}

void dial_start(struct dial *d)
{
	d->next = 0;
	dial_next(d);
}

void dial_again(struct dial *d, const struct place *place)
{
	d->places[--d->next] = *place;
	dial_next(d);
}

void dial_stop(struct dial *d)
{
	d->running = false;
	event_del(&d->timer);
	for (size_t i = 0; i < DIAL_PARALLEL; i++)
		end_attempt(&d->attempts[i]);
}
