/* SPDX-License-Identifier: ISC
 *
 * Every descriptor is one of a few kinds that a claim allows, or an excess.
 */
#include "control/audit-internal.h"
#include "common/buf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIST_MAX = 900 };

struct tally {
	unsigned channels, clients, streams, datagrams, tcp, udp, files, directories, memory,
	    events, pipes, nulls;
	struct buf listens;
};

/* ---- sockets -------------------------------------------------------------------- */

static unsigned port_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)a)->sin6_port)
					: ntohs(((const struct sockaddr_in *)a)->sin_port);
}

static bool may_listen_at(const struct audit_claim *c, unsigned port)
{
	for (size_t i = 0; i < c->conf->listener_count; i++) {
		const struct conf_listener *l = &c->conf->listeners[i];
		bool its = c->program == PROGRAM_NONE ||
			   (l->protocol == CONF_POP3) == (c->program == PROGRAM_pop3d);
		for (size_t k = 0; its && k < l->sockaddr_count; k++)
			if (port_of(&l->sockaddr[k]) == port)
				return true;
	}
	return false;
}

static bool is_in_run(const struct audit_claim *c, struct str path)
{
	struct str run = str_from_cstr(c->conf->run);
	return str_has_prefix(path, run) && path.n > run.n && path.p[run.n] == '/' &&
	       str_find(str_skip(path, run.n + 1), '/') == path.n - run.n - 1;
}

static bool tcp_fits(const struct audit_claim *c, const struct audit_socket *s, struct tally *t)
{
	if (!s->listening) {
		t->tcp++;
		return (c->sockets & SOCKETS_TCP) != 0;
	}
	buf_printf(&t->listens, "%sTCP port %u", buf_len(&t->listens) > 0 ? ", " : "", s->port);
	return (c->sockets & SOCKETS_TCP_LISTEN) && may_listen_at(c, s->port);
}

static bool unix_fits(const struct audit_claim *c, const struct audit_socket *s, struct tally *t)
{
	bool named = s->path.n > 0;
	if (s->listening) {
		buf_printf(
		    &t->listens, "%s%.*s", buf_len(&t->listens) > 0 ? ", " : "", STR_ARG(s->path));
		return (c->sockets & SOCKETS_UNIX_LISTEN) && is_in_run(c, s->path);
	}
	if (s->type == SOCK_DGRAM) { /* connected to the system's log, or from control to systemd */
		t->datagrams++;
		return !named && (c->conf->log_sink != LOG_SINK_FILE || c->program == PROGRAM_NONE);
	}
	if (s->type == SOCK_STREAM) {
		t->streams++;
		return (c->sockets & SOCKETS_UNIX) != 0;
	}
	if (!named) {
		t->channels++;
		return true; /* their number is judged */
	}
	t->clients++;
	return (c->sockets & SOCKETS_UNIX_LISTEN) && is_in_run(c, s->path);
}

static bool socket_fits(const struct audit_claim *c, const struct audit_socket *s, struct tally *t)
{
	if (s->family == AUDIT_TCP)
		return tcp_fits(c, s, t);
	if (s->family == AUDIT_UNIX)
		return unix_fits(c, s, t);
	if (s->family != AUDIT_UDP)
		return false;
	t->udp++;
	return (c->sockets & SOCKETS_UDP) != 0;
}

/* ---- files --------------------------------------------------------------------------- */

static bool is_below(struct str path, const char *directory)
{
	struct str d = str_from_cstr(directory);
	return str_has_prefix(path, d) && (d.n == 1 || path.n == d.n || path.p[d.n] == '/');
}

static bool is_standard_error(const struct audit_process *p, const struct audit_fd *fd)
{
	for (size_t i = 0; i < p->fd_count; i++)
		if (p->fds[i].number == STDERR_FILENO)
			return strcmp(p->fds[i].target, fd->target) == 0;
	return false;
}

static bool is_log(
    const struct audit_claim *c, const struct audit_process *p, const struct audit_fd *fd)
{
	/* What control was started with is where a reload may send the log. */
	bool may = c->conf->log_sink == LOG_SINK_STDERR || c->program == PROGRAM_NONE;
	if (may && is_standard_error(p, fd))
		return fd->writable;
	if (c->conf->log_sink == LOG_SINK_STDERR)
		return fd->writable && !fd->readable && fd->appending;
	return c->conf->log_sink == LOG_SINK_FILE && c->conf->log_path != NULL && fd->appending &&
	       !fd->readable;
}

static bool is_in_place(const struct audit_claim *c, struct str path)
{
	if (c->place == NULL || jail_of(c->program)->place != PLACE_MACHINE)
		return c->place != NULL && is_below(path, c->place);
	for (const char *const *part = jail_machine(); *part != NULL; part++)
		if (is_below(path, *part))
			return true;
	return false;
}

/* What was open when it was removed or renamed has another name, or an added word. */
static bool file_fits(
    const struct audit_claim *c, const struct audit_process *p, const struct audit_fd *fd)
{
	struct str path = str_from_cstr(fd->target);
	if (is_log(c, p, fd))
		return true;
	if (c->program == PROGRAM_NONE)
		return is_in_run(c, path);
	if (is_in_place(c, path))
		return !fd->writable || c->place_writes;
	if (c->reads != NULL && is_below(path, c->reads))
		return !fd->writable;
	return c->spool_files && is_below(path, c->conf->spool) &&
	       (!fd->writable || c->spool_write);
}

/* The place itself, or what lies in it. */
static bool directory_fits(const struct audit_claim *c, const struct audit_fd *fd)
{
	struct str path = str_from_cstr(fd->target);
	return is_in_place(c, path) ||
	       (c->reads != NULL && is_below(path, c->reads));
}

/* An event loop wakes itself by a pipe, both ends of which it has. A child has the end of one to
 * read from, at which it sees that its parent is gone, and the parent the other. */
static bool pipe_fits(
    const struct audit_claim *c, const struct audit_process *p, const struct audit_fd *fd)
{
	unsigned ends = 0;
	for (size_t i = 0; i < p->fd_count; i++)
		ends += p->fds[i].kind == AUDIT_PIPE && p->fds[i].pipe == fd->pipe;
	if (ends == 2 || is_log(c, p, fd))
		return true;
	if (c->child)
		return !fd->writable;
	return jail_child_calls(c->program) != 0 && !fd->readable;
}

static bool fits(const struct audit_claim *c, const struct audit_process *p,
    const struct audit_fd *fd, struct tally *t)
{
	switch (fd->kind) {
	case AUDIT_SOCKET:
		return socket_fits(c, &fd->socket, t);
	case AUDIT_FILE:
		t->files++;
		return file_fits(c, p, fd);
	case AUDIT_DIRECTORY:
		t->directories++;
		return directory_fits(c, fd);
	case AUDIT_MEMORY:
		t->memory++;
		return true;
	case AUDIT_NULL:
		t->nulls++;
		return true;
	case AUDIT_EVENTS:
		t->events++;
		return true;
	case AUDIT_PIPE:
		t->pipes++;
		return pipe_fits(c, p, fd);
	case AUDIT_STRANGE:
		break;
	}
	/* A terminal that the log goes to. */
	return is_log(c, p, fd) && fd->number == STDERR_FILENO;
}

static const char *access_word(const struct audit_fd *fd)
{
	return !fd->writable ? "to read" : fd->readable ? "to read and write" : "to write";
}

static void say_excess(struct audit_report *r, const struct audit_fd *fd)
{
	static const char *const families[] = {[AUDIT_UNIX] = "Unix",
	    [AUDIT_TCP] = "TCP",
	    [AUDIT_UDP] = "UDP",
	    [AUDIT_OTHER] = "strange"};
	const struct audit_socket *s = &fd->socket;
	if (fd->kind != AUDIT_SOCKET)
		audit_excess(r, "descriptor %d: %s, %s", fd->number, fd->target, access_word(fd));
	else if (s->path.n > 0)
		audit_excess(r, "descriptor %d: a %s socket %.*s", fd->number, families[s->family],
		    STR_ARG(s->path));
	else
		audit_excess(r, "descriptor %d: a %s socket, %s, port %u", fd->number,
		    families[s->family], s->listening ? "listening" : "not listening", s->port);
}

static void put_count(struct buf *out, unsigned n, const char *one, const char *many)
{
	if (n > 0)
		buf_printf(out, "%s%u %s", buf_len(out) > 0 ? ", " : "", n, n == 1 ? one : many);
}

static void say_tally(struct audit_report *r, struct tally *t)
{
	struct buf line = BUF_INIT(LIST_MAX);
	put_count(&line, t->channels, "channel", "channels");
	put_count(&line, t->clients, "operator", "operators");
	put_count(&line, t->tcp, "TCP connection", "TCP connections");
	put_count(&line, t->udp, "UDP socket", "UDP sockets");
	put_count(&line, t->streams, "local connection", "local connections");
	put_count(&line, t->datagrams, "to the log", "to the log");
	audit_fact(r, "sockets", "%.*s", STR_ARG(buf_str(&line)));
	if (buf_len(&t->listens) > 0)
		audit_fact(r, "listens", "%.*s", STR_ARG(buf_str(&t->listens)));
	buf_reset(&line);
	put_count(&line, t->files, "file", "files");
	put_count(&line, t->directories, "directory", "directories");
	put_count(&line, t->memory, "memory file", "memory files");
	put_count(&line, t->events, "for events", "for events");
	put_count(&line, t->pipes, "pipe end", "pipe ends");
	put_count(&line, t->nulls, "/dev/null", "/dev/null");
	audit_fact(r, "descriptors", "%.*s", STR_ARG(buf_str(&line)));
	buf_release(&line);
}

void audit_judge_descriptors(
    const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	struct tally t = {.listens = BUF_INIT(LIST_MAX)};
	for (size_t i = 0; i < p->fd_count; i++)
		if (!fits(c, p, &p->fds[i], &t))
			say_excess(r, &p->fds[i]);
	/* control's may be one to systemd, besides. */
	const unsigned logs = c->program == PROGRAM_NONE ? 2 : 1;
	if (t.datagrams > logs)
		audit_excess(r, "%u sockets to the log instead of %u", t.datagrams, logs);
	if (t.channels > c->channels)
		audit_excess(r, "%u channels instead of %u", t.channels, c->channels);
	say_tally(r, &t);
	buf_release(&t.listens);
}
