/* SPDX-License-Identifier: ISC
 *
 * Siblings as enemies: each program of the suite, the real one at work in its jail, is given over
 * each of its edges a peer that has been taken over. It may answer that peer or drop it; it may not
 * end, grow without bound, or lose another peer.
 */
#include "tests/escape/speak.h"
#include "tests/escape/stage.h"
#include "common/loop.h"
#include "common/msg-supervision.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	ROUNDS = 8,
	MESSAGES = 120,
	FLOOD = 4000,
	GROWTH_MAX_KB = 192 * 1024, /* a bounded backlog (channel.h), and what a sanitizer adds */
	PATIENCE_MS = 20 * 1000,
};

static struct stage stage;
static bool isolated;
static struct buf packet = BUF_INIT(PACKET_MAX * 2);

/* The edge, and at which end of it the program under attack is. */
struct front {
	enum edge_id edge;
	bool server;
	enum program_id program;
};

static struct front front_of(int i)
{
	struct front f = {.edge = (enum edge_id)(i / 2 + 1), .server = i % 2 == 1};
	f.program =
	    f.server ? speak_edges[f.edge].server_program : speak_edges[f.edge].client_program;
	return f;
}

/* ---- wires ----------------------------------------------------------------------------- */

static int wire(const struct front *f, unsigned instance)
{
	int pair[2];
	const struct msg_peer m = {.edge = (uint8_t)f->edge, .instance = (uint16_t)instance};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert(msg_peer_send(stage.programs[f->program].control, &m, &pair[1]));
	close(pair[1]);
	return pair[0];
}

static ssize_t send_with(int fd, const void *p, size_t n, unsigned descriptors)
{
	enum { MAX = 8 };
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	union {
		char space[CMSG_SPACE(sizeof(int) * MAX)];
		struct cmsghdr align;
	} control = {.space = ""};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[MAX];
	for (unsigned i = 0; i < descriptors; i++)
		fds[i] =
		    i % 2 == 0 ? memfd_create("x", MFD_CLOEXEC) : socket(AF_UNIX, SOCK_STREAM, 0);
	if (descriptors > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * descriptors);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * descriptors);
	}
	ssize_t done = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (unsigned i = 0; i < descriptors; i++)
		close(fds[i]);
	return done;
}

static void say(int fd, unsigned descriptors)
{
	send_with(fd, buf_data(&packet), buf_len(&packet), descriptors);
}

static void greet(const struct front *f, int fd)
{
	speak_greeting(f->edge, !f->server, &packet);
	say(fd, 0);
}

/* ---- is it still there ------------------------------------------------------------------- */

static void turn(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	unit_turn();
	nanosleep(&pause, NULL);
}

static void check_alive(const struct front *f)
{
	int status;
	pid_t pid = stage.programs[f->program].pid;
	ck_assert_msg(
	    waitpid(pid, &status, WNOHANG) == 0, "edge %d: the program ended: %x", f->edge, status);
}

static uint64_t deadline(void)
{
	return loop_now_ms() + PATIENCE_MS;
}

static bool is_closed(int fd)
{
	char c;
	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* What we said was read, or we were dropped. Answers are read, unless it is to choke on them. */
static void until_read(const struct front *f, int fd, bool reading)
{
	char answer[4096];
	int waiting = 1;
	for (uint64_t end = deadline(); waiting > 0 && !is_closed(fd) && loop_now_ms() < end;
	     turn()) {
		check_alive(f);
		while (reading && recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			continue;
		if (ioctl(fd, SIOCOUTQ, &waiting) < 0)
			waiting = 0;
	}
	ck_assert_msg(waiting == 0 || is_closed(fd), "edge %d: what was said is not read", f->edge);
}

static void until_closed(const struct front *f, int fd, unsigned what)
{
	char answer[4096];
	ssize_t n = -1;
	for (uint64_t end = deadline(); n != 0 && loop_now_ms() < end; turn()) {
		check_alive(f);
		while ((n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0)
			continue;
		if (n < 0 && errno != EAGAIN)
			n = 0;
	}
	ck_assert_msg(n == 0, "edge %d: an enemy of kind %u is not dropped", f->edge, what);
}

/* The next peer is greeted. */
static void check_serves(const struct front *f, unsigned instance)
{
	uint8_t hello[256];
	ssize_t n = -1;
	int fd = wire(f, instance);
	greet(f, fd);
	for (uint64_t end = deadline(); n < 0 && loop_now_ms() < end; turn()) {
		check_alive(f);
		n = recv(fd, hello, sizeof(hello), MSG_DONTWAIT);
	}
	speak_greeting(f->edge, f->server, &packet);
	ck_assert_msg(
	    n == (ssize_t)buf_len(&packet) && memcmp(hello, buf_data(&packet), (size_t)n) == 0,
	    "edge %d: the next peer is not greeted", f->edge);
	until_read(f, fd, true);
	ck_assert_msg(!is_closed(fd), "edge %d: the next peer is dropped", f->edge);
	close(fd);
}

static long memory_kb(const struct front *f)
{
	char path[64], line[128];
	long kb = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)stage.programs[f->program].pid);
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(file);
	return kb;
}

/* ---- what an enemy says: true when nothing of it may be taken, so that it must be dropped ---- */

static bool say_noise(const struct front *f, int fd)
{
	(void)f;
	buf_reset(&packet);
	for (size_t n = speak_random(512); n > 0; n--)
		buf_append_u8(&packet, (uint8_t)speak_random(256));
	say(fd, 0);
	return true;
}

static bool say_nothing(const struct front *f, int fd)
{
	greet(f, fd);
	send_with(fd, "", 0, 0);
	return true;
}

static bool say_wrong_greeting(const struct front *f, int fd)
{
	enum edge_id other = f->edge;
	while (speak_edges[other].server == speak_edges[f->edge].server)
		other = other % (EDGE_COUNT - 1) + 1;
	speak_greeting(other, !f->server, &packet);
	say(fd, 0);
	return true;
}

static bool say_own_side(const struct front *f, int fd)
{
	speak_greeting(f->edge, f->server, &packet);
	say(fd, 0);
	return true;
}

static bool say_unknown(const struct front *f, int fd)
{
	greet(f, fd);
	buf_reset(&packet);
	buf_append_str(&packet, STR("\x7f\xff"));
	say(fd, 0);
	return true;
}

/* Any of its messages, whatever was said before: answers that nobody asked for, ends of what did
 * not begin, cookies of others. */
static bool say_anything(const struct front *f, int fd)
{
	unsigned descriptors;
	greet(f, fd);
	for (int i = 0; i < MESSAGES; i++)
		if (speak_message(f->edge, f->server, &packet, &descriptors))
			say(fd, descriptors);
	return false;
}

static bool say_damaged(const struct front *f, int fd)
{
	unsigned descriptors = 0;
	greet(f, fd);
	if (!speak_message(f->edge, f->server, &packet, &descriptors))
		return false;
	size_t n = buf_len(&packet);
	for (uint32_t i = speak_random(4) + 1; i > 0; i--)
		buf_data(&packet)[speak_random((uint32_t)n)] = (uint8_t)speak_random(256);
	say(fd, descriptors);
	return false;
}

static bool say_cut(const struct front *f, int fd)
{
	unsigned descriptors = 0;
	greet(f, fd);
	if (!speak_message(f->edge, f->server, &packet, &descriptors))
		return false;
	size_t n = speak_random((uint32_t)buf_len(&packet));
	send_with(fd, buf_data(&packet), n, descriptors);
	return true;
}

/* Lists and strings that say they are as long as can be said. */
static bool say_huge_counts(const struct front *f, int fd)
{
	unsigned descriptors = 0;
	greet(f, fd);
	if (!speak_message(f->edge, f->server, &packet, &descriptors))
		return false;
	size_t n = buf_len(&packet), from = 2 + speak_random((uint32_t)n);
	for (size_t i = from; i < from + 4 && i < n; i++)
		buf_data(&packet)[i] = 0xff;
	say(fd, descriptors);
	return false;
}

static bool say_with_descriptors(const struct front *f, int fd)
{
	unsigned descriptors = 0;
	greet(f, fd);
	if (!speak_message(f->edge, f->server, &packet, &descriptors))
		return false;
	say(fd, descriptors == 0 ? 1 + speak_random(7) : speak_random(2) * 7);
	return true;
}

static bool flood(const struct front *f, int fd)
{
	unsigned descriptors = 0;
	greet(f, fd);
	if (!speak_message(f->edge, f->server, &packet, &descriptors) || descriptors > 0)
		return false;
	for (int i = 0; i < FLOOD && !is_closed(fd); i++)
		if (send_with(fd, buf_data(&packet), buf_len(&packet), 0) < 0)
			turn();
	return false;
}

static const struct {
	bool (*fn)(const struct front *f, int fd);
	bool deaf; /* answers are not read */
} hostilities[] = {{say_noise, false}, {say_nothing, false}, {say_wrong_greeting, false},
    {say_own_side, false}, {say_unknown, false}, {say_anything, false}, {say_damaged, false},
    {say_cut, false}, {say_huge_counts, false}, {say_with_descriptors, false}, {flood, true}};
enum { HOSTILITIES = sizeof(hostilities) / sizeof(hostilities[0]) };

/* What only root can start wants a file system of its own, too. */
static bool open_stage(const struct front *f)
{
	bool root = !stage_has(false, f->program);
	if (root && (!stage_has(true, f->program) || !isolated))
		return false;
	stage_open(&stage, root);
	return true;
}

START_TEST(enemy)
{
	const struct front f = front_of(_i);
	if (!open_stage(&f))
		return;
	long before = memory_kb(&f);
	speak_seed((uint64_t)_i + 1);
	for (unsigned n = 0; n < unit_times(ROUNDS) * HOSTILITIES; n++) {
		bool deaf = hostilities[n % HOSTILITIES].deaf;
		if (deaf && n >= HOSTILITIES)
			continue;
		int fd = wire(&f, 0);
		bool dropped = hostilities[n % HOSTILITIES].fn(&f, fd);
		until_read(&f, fd, !deaf);
		if (dropped)
			until_closed(&f, fd, n % HOSTILITIES);
		close(fd);
		if (n % HOSTILITIES == 0)
			check_serves(&f, 0);
	}
	check_serves(&f, 0);
	long grown = memory_kb(&f) - before;
	ck_assert_msg(grown < GROWTH_MAX_KB, "edge %d: the program grew by %ld KiB", f.edge, grown);
	stage_close(&stage);
}
END_TEST

int main(void)
{
	isolated = stage_isolate();
	TCase *tc = tcase_create("edges");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, enemy, 0, 2 * (EDGE_COUNT - 1));
	return unit_run_case("siblings", tc);
}
