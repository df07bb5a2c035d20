/* SPDX-License-Identifier: ISC
 *
 * control connects to LMTP servers for deliver-remote, which may ask for anything and read nothing.
 */
#include "common/conf.h"
#include "common/mem.h"
#include "common/msg-supervision.h"
#include "control/lmtp.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ID_SOCKET = 10, ID_FAILED = 11, SMALL = 4608, BACKLOG = 4096, ASKED_MAX = 100 * 1000 };

static struct channel *channel;
static int raw, listener;
static struct conf_lmtp lmtps[4];
static struct conf conf = {.lmtps = lmtps, .lmtp_count = 4};

static void never_closed(void *ctx, struct channel *c, const char *why)
{
	(void)ctx;
	(void)c;
	ck_abort_msg("%s", why);
}

static const struct supervision_server_handlers handlers;

static int listen_at(const char *path, int backlog)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int n = snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	ck_assert(n > 0 && (size_t)n < sizeof(at.sun_path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static void name_socket(size_t i, const char *name, const char *file)
{
	char *path = NULL;
	ck_assert_int_gt(asprintf(&path, "%s/%s", scratch_path(), file), 0);
	lmtps[i] = (struct conf_lmtp){.name = xstrdup(name), .socket = path};
}

static void begin(void)
{
	int ends[2];
	char long_name[128];
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	scratch_open();
	name_socket(0, "local", "socket");
	name_socket(1, "gone", "none");
	name_socket(2, "deaf", "deaf");
	name_socket(3, "long", long_name);
	listener = listen_at(lmtps[0].socket, BACKLOG);
	close(listen_at(lmtps[2].socket, 1));
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &(int){SMALL}, sizeof(int)), 0);
	raw = ends[1];
	channel = channel_new(ends[0], &supervision_server, &handlers, NULL, never_closed);
	unit_settle();
	char greeting[256];
	ck_assert_int_gt(recv(raw, greeting, sizeof(greeting), 0), 0);
}

static void end(void)
{
	channel_free(channel);
	close(raw);
	close(listener);
	for (size_t i = 0; i < 4; i++) {
		free((char *)(uintptr_t)lmtps[i].name);
		free((char *)(uintptr_t)lmtps[i].socket);
	}
	scratch_close();
}

/* ---- what the program hears ---------------------------------------------------------- */

struct heard {
	unsigned id;
	uint32_t cookie;
	uint32_t error;
	int fd;
};

static uint32_t number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* False: nothing. */
static bool hear(struct heard *h)
{
	uint8_t octets[64];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = octets, .iov_len = sizeof(octets)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(raw, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return false;
	ck_assert_int_ge(n, 6);
	*h = (struct heard){.id = octets[1], .cookie = number(octets + 2), .fd = -1};
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c != NULL)
		memcpy(&h->fd, CMSG_DATA(c), sizeof(h->fd));
	if (h->id == ID_FAILED) {
		ck_assert_int_eq(n, 10);
		h->error = number(octets + 6);
	}
	ck_assert_int_eq(h->fd >= 0, h->id == ID_SOCKET);
	return true;
}

static struct heard ask(uint32_t cookie, const char *name)
{
	struct heard h;
	ck_assert(lmtp_connect(channel, &conf, cookie, str_from_cstr(name)));
	unit_settle();
	ck_assert(hear(&h));
	ck_assert_uint_eq(h.cookie, cookie);
	return h;
}

START_TEST(a_connection_is_passed_on)
{
	begin();
	struct heard h = ask(7, "local");
	ck_assert_uint_eq(h.id, ID_SOCKET);
	int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char octets[3];
	ck_assert_int_ge(accepted, 0);
	ck_assert_int_eq(send(accepted, "220", 3, 0), 3);
	ck_assert_int_eq(recv(h.fd, octets, 3, 0), 3);
	ck_assert_mem_eq(octets, "220", 3);
	ck_assert(recv(h.fd, octets, 3, 0) < 0 && errno == EAGAIN);
	close(h.fd);
	close(accepted);
	end();
}
END_TEST

START_TEST(why_there_is_none_is_told)
{
	static const struct {
		const char *name;
		uint32_t error;
	} rows[] = {{"gone", ENOENT}, {"deaf", ECONNREFUSED}, {"long", ENAMETOOLONG}, {"", ENOENT},
	    {"loca", ENOENT}, {"local2", ENOENT}};
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct heard h = ask((uint32_t)i, rows[i].name);
		ck_assert_uint_eq(h.id, ID_FAILED);
		ck_assert_uint_eq(h.error, rows[i].error);
	}
	end();
}
END_TEST

/* Some connections wait for it, then it is told to try again, then it is not believed any more. */
START_TEST(who_does_not_read_holds_few_descriptors)
{
	enum { WAITING_MAX = 64 + 1 };
	begin();
	size_t before = unit_descriptors();
	uint32_t asked = 0, heard = 0, sockets = 0;
	while (asked < ASKED_MAX && lmtp_connect(channel, &conf, asked, STR("local"))) {
		asked++;
		if (asked % 16 == 0)
			ck_assert_uint_le(unit_descriptors(), before + WAITING_MAX);
	}
	ck_assert_uint_lt(asked, ASKED_MAX);
	ck_assert_uint_gt(channel_backlog(channel), 64 * 1024);
	ck_assert_uint_lt(channel_backlog(channel), 65 * 1024);
	/* It hears of each, all the same. */
	for (struct heard h; heard < asked; unit_settle())
		while (hear(&h)) {
			ck_assert_uint_eq(h.cookie, heard++);
			ck_assert(h.id == ID_FAILED ? h.error == EAGAIN : sockets == h.cookie);
			sockets += h.id == ID_SOCKET;
			if (h.fd >= 0)
				close(h.fd);
		}
	ck_assert_uint_gt(sockets, 64);
	ck_assert_uint_lt(sockets, asked);
	ck_assert_uint_eq(unit_descriptors(), before);
	ck_assert_uint_eq(ask(asked, "local").id, ID_SOCKET);
	end();
}
END_TEST

UNIT_MAIN("lmtp_sockets", a_connection_is_passed_on, why_there_is_none_is_told,
    who_does_not_read_holds_few_descriptors)
