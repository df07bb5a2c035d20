/* SPDX-License-Identifier: ISC
 *
 * Siblings as enemies: each program of the suite, the real one at work in its jail, is given over
 * each of its edges a peer that has been taken over. It may answer that peer or drop it; it may not
 * end, grow without bound, or lose another peer.
 */
#include "tests/escape/enemy.h"
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	GROWTH_MAX_KB = 192 * 1024, /* a bounded backlog (channel.h), and what a sanitizer adds */
	PATIENCE_MS = 20 * 1000,
};

static struct stage stage;
static bool isolated;

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

/* What we said was read, or we were dropped. Answers are read, unless it is to choke on them. */
static void until_read(const struct front *f, int fd, const char *what, bool reading)
{
	char answer[4096];
	int waiting = 1;
	for (uint64_t end = deadline(); waiting > 0 && !enemy_is_dropped(fd) && loop_now_ms() < end;
	     turn()) {
		check_alive(f);
		while (reading && recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			continue;
		if (ioctl(fd, SIOCOUTQ, &waiting) < 0)
			waiting = 0;
	}
	ck_assert_msg(
	    waiting == 0 || enemy_is_dropped(fd), "edge %d: %s is not read", f->edge, what);
}

static void until_closed(const struct front *f, int fd, const char *way)
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
	ck_assert_msg(n == 0, "edge %d: who says %s is not dropped", f->edge, way);
}

/* The next peer is greeted. */
static void check_serves(const struct front *f, unsigned instance)
{
	const struct enemy_place at = {.edge = f->edge, .asks = f->server};
	uint8_t hello[256];
	ssize_t n = -1;
	int fd = wire(f, instance);
	enemy_greet(&at, fd);
	for (uint64_t end = deadline(); n < 0 && loop_now_ms() < end; turn()) {
		check_alive(f);
		n = recv(fd, hello, sizeof(hello), MSG_DONTWAIT);
	}
	speak_greeting(f->edge, f->server, &enemy_packet);
	ck_assert_msg(n == (ssize_t)buf_len(&enemy_packet) &&
			  memcmp(hello, buf_data(&enemy_packet), (size_t)n) == 0,
	    "edge %d: the next peer is not greeted", f->edge);
	until_read(f, fd, "a greeting", true);
	ck_assert_msg(!enemy_is_dropped(fd), "edge %d: the next peer is dropped", f->edge);
	close(fd);
}

static long memory_kb(const struct front *f)
{
	return enemy_memory_kb(stage.programs[f->program].pid);
}

/* What only root can start wants a file system of its own, too. */
static bool may_open_stage(const struct front *f)
{
	return stage_has(false, f->program) || (stage_has(true, f->program) && isolated);
}

static void attack(const struct front *f, const struct enemy_way *way)
{
	const struct enemy_place at = {.edge = f->edge, .asks = f->server};
	int fd = wire(f, 0);
	bool dropped = way->say(&at, fd);
	until_read(f, fd, way->name, !way->deaf);
	if (dropped)
		until_closed(f, fd, way->name);
	close(fd);
}

START_TEST(enemy)
{
	const struct front f = front_of(_i);
	stage_open(&stage, !stage_has(false, f.program));
	long before = memory_kb(&f);
	enemy_begin((unsigned)_i);
	for (unsigned round = 0; round < enemy_rounds(); round++) {
		for (unsigned n = 0; n < enemy_way_count; n++)
			if (!enemy_ways[n].deaf || round == 0)
				attack(&f, &enemy_ways[n]);
		check_serves(&f, 0);
	}
	long grown = memory_kb(&f) - before;
	ck_assert_msg(grown < GROWTH_MAX_KB, "edge %d: the program grew by %ld KiB", f.edge, grown);
	stage_close(&stage);
}
END_TEST

int main(void)
{
	unsigned skipped = 0;
	isolated = stage_isolate();
	enemy_setup();
	TCase *tc = tcase_create("edges");
	tcase_set_timeout(tc, getenv("POSTERN_SIBLING_ROUNDS") == NULL ? 120 : 3600);
	for (int i = 0; i < 2 * (EDGE_COUNT - 1); i++) {
		const struct front f = front_of(i);
		if (may_open_stage(&f))
			tcase_add_loop_test(tc, enemy, i, i + 1);
		else
			skipped++;
	}
	if (skipped > 0)
		fprintf(stderr,
		    "skipped: %u ends of edges of programs that only root can start, or that were "
		    "not built\n",
		    skipped);
	return enemy_report(unit_run_case("siblings", tc));
}
