/* SPDX-License-Identifier: ISC
 *
 * Where log lines go. Nothing here can fail the program or hold it up for long:
 * a line that the sink does not take now waits, up to PENDING_MAX octets of lines,
 * then lines are counted instead of kept.
 */
#include "common/log-internal.h"
#include "common/buf.h"
#include "common/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(LOG_LINE_MAX <= PIPE_BUF, "a line must be written in one piece");

#define PENDING_MAX   ((size_t)1024 * 1024)
#define PENDING_FLUSH ((size_t)64 * 1024)

struct log_settings log_settings = {.program = "postern", .hostname = "localhost"};

static struct {
	int fd;
	bool owned;
	bool deferred;
	bool scheduled;
	bool failing; /* the last attempt to write met an error that waiting does not cure */
	uint64_t dropped;
	struct buf lines;
} out = {.fd = STDERR_FILENO, .lines = {.max = PENDING_MAX}};

/* A forked child must not write its parent's lines. */
static void on_fork(void)
{
	log_settings.pid = getpid();
	out.scheduled = false;
	buf_reset(&out.lines);
}

static void watch_forks(void)
{
	if (log_settings.pid != 0)
		return;
	log_settings.pid = getpid();
	pthread_atfork(NULL, NULL, on_fork);
}

void log_init(const char *program, const char *hostname, enum log_sink sink, enum log_format format,
    bool verbose)
{
	watch_forks();
	log_flush();
	tzset(); /* the jail has no time zone files */
	log_settings.program = program;
	snprintf(log_settings.hostname, sizeof(log_settings.hostname), "%s", hostname);
	log_settings.sink = sink;
	log_settings.format = format;
	log_settings.verbose = verbose;
}

void log_set_fd(int fd)
{
	log_flush();
	if (out.owned && out.fd != fd)
		close(out.fd);
	out.fd = fd;
	out.owned = true;
}

int log_fd(void)
{
	return out.fd;
}

static int open_syslog(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int log_open(enum log_sink sink, const char *path)
{
	if (sink == LOG_SINK_SYSLOG)
		return open_syslog();
	if (sink == LOG_SINK_FILE)
		return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
	return fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

void log_deferred(bool deferred)
{
	out.deferred = deferred;
	if (!deferred)
		log_flush();
}

/* How much to hand over in one call: one line of a datagram, lines of at most PIPE_BUF octets
 * together where other programs write to the same pipe. */
static size_t piece(struct str lines)
{
	if (log_settings.sink == LOG_SINK_SYSLOG)
		return str_find(lines, '\n') + 1;
	if (log_settings.sink == LOG_SINK_FILE || lines.n <= PIPE_BUF)
		return lines.n;
	return str_rfind(str_head(lines, PIPE_BUF), '\n') + 1;
}

static ssize_t hand_over(struct str s)
{
	if (log_settings.sink != LOG_SINK_SYSLOG)
		return write(out.fd, s.p, s.n);
	struct iovec iov = {.iov_base = (void *)(uintptr_t)s.p, .iov_len = s.n - 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	return sendmsg(out.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : (ssize_t)s.n;
}

static uint64_t count_lines(struct str s)
{
	uint64_t n = 0;
	for (size_t at = str_find(s, '\n'); at < s.n; at = str_find(s, '\n')) {
		n++;
		s = str_skip(s, at + 1);
	}
	return n;
}

/* True while the sink takes lines. */
static bool flush_piece(void)
{
	size_t n = piece(buf_str(&out.lines));
	ssize_t written = hand_over(str_head(buf_str(&out.lines), n));
	if (written >= 0) {
		out.failing = false;
		buf_consume(&out.lines, (size_t)written);
		return true;
	}
	if (errno == EINTR)
		return true;
	if (errno == EAGAIN || errno == ENOBUFS)
		return false;
	/* The disk is full or the reader is gone: waiting would not bring it back. */
	out.failing = true;
	out.dropped += count_lines(str_head(buf_str(&out.lines), n));
	buf_consume(&out.lines, n);
	return true;
}

static void flush_lines(void)
{
	while (buf_len(&out.lines) > 0)
		if (!flush_piece())
			return;
	if (out.lines.cap > PENDING_FLUSH * 2)
		buf_release(&out.lines);
}

void log_flush(void)
{
	flush_lines();
	if (out.dropped > 0 && !out.failing && buf_len(&out.lines) == 0) {
		uint64_t n = out.dropped;
		struct log_event ev;
		out.dropped = 0;
		log_begin(&ev, LOG_WARNING, STR(""));
		log_u64(&ev, "dropped", n);
		log_note(&ev, STR("log lines could not be written"));
		log_end(&ev);
	}
}

static void on_round_end(void *ctx)
{
	(void)ctx;
	out.scheduled = false;
	log_flush();
}

void log_put_line(const char *p, size_t n)
{
	if (!buf_append(&out.lines, p, n))
		out.dropped++;
	if (!out.deferred || buf_len(&out.lines) >= PENDING_FLUSH) {
		flush_lines();
	} else if (!out.scheduled) {
		out.scheduled = true;
		loop_soon(on_round_end, NULL);
	}
}
