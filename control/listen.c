/* SPDX-License-Identifier: ISC */
#include "control/listen.h"
#include "control/port-owner.h"
#include "control/unix-socket.h"

#include "common/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_INHERITED_FD = 3, INHERITED_MAX = 256, RETRY_MS = 50, FIRST_FREE_PORT = 1024 };

static const struct unix_listener {
	enum listener_kind kind;
	const char *name;
	int type;
} unix_listeners[] = {
    {LISTENER_SENDMAIL, "sendmail.sock", SOCK_STREAM},
    {LISTENER_QUEUE, "queue.sock", SOCK_SEQPACKET},
    {LISTENER_DIRECTORY, "directory.sock", SOCK_SEQPACKET},
};

/* What one call of listen_open works with. */
struct opening {
	const struct conf *conf;
	const char *conf_path;
	uint64_t deadline;
	struct listeners *old;
	struct listeners *out;
	bool *borrowed; /* for each of `out`: it is a socket of `old` */
	struct buf *faults;
};

static uint64_t now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
					      : ((const struct sockaddr_in *)a)->sin_port);
}

static const void *host_of(const struct sockaddr_storage *a, size_t *n)
{
	if (a->ss_family == AF_INET6) {
		*n = sizeof(struct in6_addr);
		return &((const struct sockaddr_in6 *)a)->sin6_addr;
	}
	*n = sizeof(struct in_addr);
	return &((const struct sockaddr_in *)a)->sin_addr;
}

static bool same_unix(const struct listener *a, const struct listener *b)
{
	const struct sockaddr_un *x = (const struct sockaddr_un *)&a->address;
	const struct sockaddr_un *y = (const struct sockaddr_un *)&b->address;
	return strncmp(x->sun_path, y->sun_path, sizeof(x->sun_path)) == 0;
}

static bool same_address(const struct listener *a, const struct listener *b)
{
	size_t n, m;
	if (a->address.ss_family != b->address.ss_family)
		return false;
	if (a->address.ss_family == AF_UNIX)
		return same_unix(a, b);
	const void *x = host_of(&a->address, &n), *y = host_of(&b->address, &m);
	return port_of(&a->address) == port_of(&b->address) && memcmp(x, y, n) == 0;
}

static void format_address(const struct sockaddr_storage *a, char *out, size_t n)
{
	char host[INET6_ADDRSTRLEN] = "?";
	size_t unused;
	inet_ntop(a->ss_family, host_of(a, &unused), host, sizeof(host));
	snprintf(out, n, a->ss_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host, port_of(a));
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* What `fd` may share its port with are sockets that have the option, too. */
static int set_sharing(int fd, bool on)
{
	return set_option(fd, SOL_SOCKET, SO_REUSEPORT, on);
}

static int open_inet(const struct listener *want, bool sharing)
{
	int fd = socket(want->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
	    (want->address.ss_family != AF_INET6 ||
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0) &&
	    (!sharing || set_sharing(fd, true) == 0) &&
	    bind(fd, (const struct sockaddr *)&want->address, want->address_len) == 0 &&
	    listen(fd, SOMAXCONN) == 0 && (!sharing || set_sharing(fd, false) == 0))
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The programs of a suite that was killed leave within a moment. */
static int open_inet_patiently(const struct opening *o, const struct listener *want)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	for (;;) {
		int fd = open_inet(want, false);
		if (fd >= 0 || errno != EADDRINUSE || now_ms() >= o->deadline)
			return fd;
		nanosleep(&pause, NULL);
	}
}

/* Of one port, and one is wanted no more: a configuration in which two collide has a fault. */
static bool is_in_the_way(const struct listener *old, const struct listener *want)
{
	return old->fd >= 0 && old->address.ss_family == want->address.ss_family &&
	       want->address.ss_family != AF_UNIX &&
	       port_of(&old->address) == port_of(&want->address);
}

static bool share_port(const struct opening *o, const struct listener *want, bool on)
{
	bool any = false;
	for (size_t i = 0; i < o->old->count; i++)
		if (is_in_the_way(&o->old->list[i], want))
			any |= set_sharing(o->old->list[i].fd, on) == 0;
	return any;
}

/* From 127.0.0.1:110 to *:110, or back: the kernel has both only while they agree to it. They do
 * for this moment alone, or others could listen beside us. The old one goes when all is taken. */
static int open_inet_beside(const struct opening *o, const struct listener *want)
{
	int fd = open_inet_patiently(o, want);
	if (fd >= 0 || errno != EADDRINUSE || !share_port(o, want, true))
		return fd;
	fd = open_inet(want, true);
	int saved = errno;
	share_port(o, want, false);
	errno = saved;
	return fd;
}

static void put_in_use(struct buf *out, const struct sockaddr_storage *a)
{
	struct buf who = BUF_INIT(256);
	buf_append_str(out, STR("the address is in use"));
	if (port_owner(port_of(a), &who))
		buf_printf(out, " by %.*s", STR_ARG(buf_str(&who)));
	buf_append_str(out, STR(": stop what has it, or write another port\n"));
	buf_release(&who);
}

static void put_remedy(struct buf *out, const struct sockaddr_storage *a, int error)
{
	unsigned port = port_of(a);
	if (error == EADDRINUSE)
		put_in_use(out, a);
	else if (error == EACCES && port < FIRST_FREE_PORT)
		buf_printf(out,
		    "ports below 1024 are for root: start the suite as root, let systemd pass the "
		    "socket, or write a higher port, for example %u\n",
		    port < 100 ? port * 101 : port + 2000);
	else if (error == EADDRNOTAVAIL)
		buf_append_str(
		    out, STR("this machine has no such address: write one of its own, or *\n"));
	else
		buf_printf(out, "it cannot be listened on: %s\n", strerror(error));
}

static void complain(
    struct opening *o, const struct conf_listener *l, const struct sockaddr_storage *a, int error)
{
	char address[80];
	format_address(a, address, sizeof(address));
	buf_printf(o->faults, "%s:%u: listen %s, %s: ", o->conf_path, l->line, l->name, address);
	put_remedy(o->faults, a, error);
}

static bool is_taken(const struct opening *o, int fd)
{
	for (size_t i = 0; i < o->out->count; i++)
		if (o->out->list[i].fd == fd)
			return true;
	return false;
}

static bool take_from_old(struct opening *o, struct listener *want)
{
	for (size_t i = 0; i < o->old->count; i++) {
		int fd = o->old->list[i].fd;
		if (fd >= 0 && !is_taken(o, fd) && same_address(&o->old->list[i], want)) {
			want->fd = fd;
			return true;
		}
	}
	return false;
}

static void add(struct opening *o, const struct listener *l, bool borrowed)
{
	size_t n = o->out->count + 1;
	o->out->list = xreallocarray(o->out->list, n, sizeof(*l));
	o->borrowed = xreallocarray(o->borrowed, n, sizeof(bool));
	o->out->list[n - 1] = *l;
	o->borrowed[n - 1] = borrowed;
	o->out->count = n;
}

/* "*" stands for IPv6 and IPv4; a machine without one of them has the other. */
static bool may_be_missing(const struct conf_listener *l, int error)
{
	return l->sockaddr_count > 1 && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL);
}

static void open_listener(struct opening *o, size_t number)
{
	const struct conf_listener *l = &o->conf->listeners[number];
	for (size_t i = 0; i < l->sockaddr_count; i++) {
		struct listener want = {
		    .fd = -1,
		    .kind = l->protocol == CONF_POP3 ? LISTENER_POP3 : LISTENER_SMTP,
		    .number = (uint16_t)number,
		    .address = l->sockaddr[i],
		    .address_len = l->sockaddr_len[i],
		};
		bool borrowed = take_from_old(o, &want);
		if (!borrowed)
			want.fd = open_inet_beside(o, &want);
		if (want.fd >= 0)
			add(o, &want, borrowed);
		else if (!may_be_missing(l, errno))
			complain(o, l, &want.address, errno);
	}
}

static void open_unix(struct opening *o, const struct unix_listener *u)
{
	struct listener want = {.fd = -1, .kind = u->kind, .number = LISTENER_UNNUMBERED};
	struct sockaddr_un *to = (struct sockaddr_un *)&want.address;
	want.address_len = sizeof(*to);
	if (!unix_socket_address(o->conf->run, u->name, to)) {
		buf_printf(o->faults,
		    "%s: run = \"%s\" is too long for a socket: write a shorter one\n",
		    o->conf_path, o->conf->run);
		return;
	}
	bool borrowed = take_from_old(o, &want);
	if (!borrowed)
		want.fd = unix_socket_listen(o->conf->run, u->name, u->type, 0666);
	if (want.fd >= 0)
		add(o, &want, borrowed);
	else
		buf_printf(o->faults, "%s/%s: the socket cannot be made: %s\n", o->conf->run,
		    u->name, strerror(errno));
}

/* What was taken over belongs to `out` from now on. */
static void settle(struct opening *o)
{
	for (size_t i = 0; i < o->out->count; i++)
		for (size_t k = 0; o->borrowed[i] && k < o->old->count; k++)
			if (o->old->list[k].fd == o->out->list[i].fd)
				o->old->list[k].fd = -1;
}

static void undo(struct opening *o)
{
	for (size_t i = 0; i < o->out->count; i++)
		if (o->borrowed[i])
			o->out->list[i].fd = -1;
	listen_close(o->out);
}

bool listen_open(const struct conf *conf, const char *conf_path, unsigned patience_ms,
    struct listeners *old, struct listeners *out, struct buf *faults)
{
	size_t before = buf_len(faults);
	struct opening o = {.conf = conf,
	    .conf_path = conf_path,
	    .deadline = now_ms() + patience_ms,
	    .old = old,
	    .out = out,
	    .faults = faults};
	*out = (struct listeners){.list = NULL};
	for (size_t i = 0; i < conf->listener_count; i++)
		open_listener(&o, i);
	for (size_t i = 0; i < sizeof(unix_listeners) / sizeof(unix_listeners[0]); i++)
		open_unix(&o, &unix_listeners[i]);
	bool ok = buf_len(faults) == before;
	if (ok)
		settle(&o);
	else
		undo(&o);
	free(o.borrowed);
	return ok;
}

void listen_close(struct listeners *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->list[i].fd >= 0)
			close(l->list[i].fd);
	free(l->list);
	*l = (struct listeners){.list = NULL};
}

static unsigned inherited_count(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	uint64_t p, n;
	if (pid == NULL || fds == NULL || !str_parse_u64(str_from_cstr(pid), INT32_MAX, &p) ||
	    (pid_t)p != getpid() || !str_parse_u64(str_from_cstr(fds), INHERITED_MAX, &n))
		return 0;
	return (unsigned)n;
}

void listen_inherit(struct listeners *out)
{
	unsigned n = inherited_count();
	*out = (struct listeners){.list = NULL};
	for (unsigned i = 0; i < n; i++) {
		struct listener l = {.fd = FIRST_INHERITED_FD + (int)i};
		l.address_len = sizeof(l.address);
		/* Clear of the low numbers, which the programs' own descriptors get. */
		int fd = fcntl(l.fd, F_DUPFD_CLOEXEC, FIRST_INHERITED_FD + INHERITED_MAX);
		close(l.fd);
		l.fd = fd;
		if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
		    getsockname(fd, (struct sockaddr *)&l.address, &l.address_len) < 0)
			continue;
		out->list = xreallocarray(out->list, out->count + 1, sizeof(l));
		out->list[out->count++] = l;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}
