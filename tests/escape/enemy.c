/* SPDX-License-Identifier: ISC
 *
 * Messages are made from the tables of the edges (speak.h), so that a new one is said without a
 * line here.
 */
#include "tests/escape/enemy.h"
#include "tests/escape/speak.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <openssl/rand.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 8, MESSAGES = 120, FLOOD = 4000, DESCRIPTORS_MAX = 8 };

struct buf enemy_packet = BUF_INIT(PACKET_MAX * 2);
static uint64_t seed = 1;
static unsigned rounds;

/* ---- which words ------------------------------------------------------------------------ */

void enemy_setup(void)
{
	const char *number = getenv("POSTERN_SIBLING_ROUNDS"),
		   *word = getenv("POSTERN_SIBLING_SEED");
	rounds = number == NULL ? unit_times(ROUNDS) : (unsigned)strtoul(number, NULL, 10);
	if (word != NULL && strcmp(word, "random") == 0)
		RAND_bytes((uint8_t *)&seed, sizeof(seed));
	else if (word != NULL)
		seed = strtoull(word, NULL, 10);
}

int enemy_report(int status)
{
	if (status == EXIT_FAILURE)
		fprintf(stderr,
		    "the same again: POSTERN_SIBLING_SEED=%llu POSTERN_SIBLING_ROUNDS=%u\n",
		    (unsigned long long)seed, rounds);
	return status;
}

void enemy_begin(unsigned test)
{
	speak_seed(seed + test);
}

unsigned enemy_rounds(void)
{
	return rounds;
}

/* ---- saying them ------------------------------------------------------------------------ */

bool enemy_send(int fd, const void *p, size_t n, unsigned descriptors)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	union {
		char space[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
		struct cmsghdr align;
	} control = {.space = ""};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[DESCRIPTORS_MAX];
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
	return done >= 0;
}

void enemy_say(int fd, unsigned descriptors)
{
	enemy_send(fd, buf_data(&enemy_packet), buf_len(&enemy_packet), descriptors);
}

void enemy_greet(const struct enemy_place *at, int fd)
{
	speak_greeting(at->edge, !at->asks, &enemy_packet);
	if (!at->greeted)
		enemy_say(fd, 0);
}

bool enemy_is_dropped(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

/* The other end may be in this process. */
static void let_it_read(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	unit_turn();
	nanosleep(&pause, NULL);
}

/* False: it has nothing to say on that edge. */
static bool greet_and_speak(const struct enemy_place *at, int fd, unsigned *descriptors)
{
	enemy_greet(at, fd);
	return speak_message(at->edge, at->asks, &enemy_packet, descriptors);
}

/* ---- what an enemy says: true when nothing of it may be taken, so that it must be dropped ---- */

static bool say_noise(const struct enemy_place *at, int fd)
{
	(void)at;
	buf_reset(&enemy_packet);
	for (size_t n = speak_random(512); n > 0; n--)
		buf_append_u8(&enemy_packet, (uint8_t)speak_random(256));
	enemy_say(fd, 0);
	return true;
}

static bool say_nothing(const struct enemy_place *at, int fd)
{
	enemy_greet(at, fd);
	enemy_send(fd, "", 0, 0);
	return true;
}

static bool say_wrong_greeting(const struct enemy_place *at, int fd)
{
	unsigned other = at->edge;
	while (speak_edges[other].server == speak_edges[at->edge].server)
		other = other % (EDGE_COUNT - 1) + 1;
	speak_greeting(other, !at->asks, &enemy_packet);
	enemy_say(fd, 0);
	return true;
}

static bool say_own_side(const struct enemy_place *at, int fd)
{
	speak_greeting(at->edge, at->asks, &enemy_packet);
	enemy_say(fd, 0);
	return true;
}

static bool say_greeting_twice(const struct enemy_place *at, int fd)
{
	enemy_greet(at, fd);
	speak_greeting(at->edge, !at->asks, &enemy_packet);
	enemy_say(fd, 0);
	return true;
}

static bool say_greeting_with_a_descriptor(const struct enemy_place *at, int fd)
{
	speak_greeting(at->edge, !at->asks, &enemy_packet);
	enemy_say(fd, 1);
	return true;
}

/* What only the other side may say. */
static bool say_others_words(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	enemy_greet(at, fd);
	if (!speak_message(at->edge, !at->asks, &enemy_packet, &descriptors))
		return false;
	enemy_say(fd, descriptors);
	return true;
}

static bool say_unknown(const struct enemy_place *at, int fd)
{
	enemy_greet(at, fd);
	buf_reset(&enemy_packet);
	buf_append_str(&enemy_packet, STR("\x7f\xff"));
	enemy_say(fd, 0);
	return true;
}

/* Any of its messages, whatever was said before: answers that nobody asked for, ends of what did
 * not begin, cookies of others. */
static bool say_anything(const struct enemy_place *at, int fd)
{
	unsigned descriptors;
	enemy_greet(at, fd);
	for (int i = 0; i < MESSAGES; i++)
		if (speak_message(at->edge, at->asks, &enemy_packet, &descriptors))
			enemy_say(fd, descriptors);
	return false;
}

static bool say_all_twice(const struct enemy_place *at, int fd)
{
	unsigned descriptors;
	enemy_greet(at, fd);
	for (int i = 0; i < MESSAGES / 4; i++)
		if (speak_message(at->edge, at->asks, &enemy_packet, &descriptors)) {
			enemy_say(fd, descriptors);
			enemy_say(fd, descriptors);
		}
	return false;
}

static bool say_damaged(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	if (!greet_and_speak(at, fd, &descriptors))
		return false;
	size_t n = buf_len(&enemy_packet);
	for (uint32_t i = speak_random(4) + 1; i > 0; i--)
		buf_data(&enemy_packet)[speak_random((uint32_t)n)] = (uint8_t)speak_random(256);
	enemy_say(fd, descriptors);
	return false;
}

static bool say_cut(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	if (!greet_and_speak(at, fd, &descriptors))
		return false;
	size_t n = speak_random((uint32_t)buf_len(&enemy_packet));
	enemy_send(fd, buf_data(&enemy_packet), n, descriptors);
	return true;
}

/* An octet behind it; and as many as no packet may have. */
static bool say_too_much(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	if (!greet_and_speak(at, fd, &descriptors))
		return false;
	size_t n = speak_random(2) == 0 ? buf_len(&enemy_packet) + 1 : PACKET_MAX + 1;
	while (buf_len(&enemy_packet) < n)
		buf_append_u8(&enemy_packet, 0);
	enemy_say(fd, descriptors);
	return true;
}

/* Lists and strings that say they are as long as can be said. */
static bool say_huge_counts(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	if (!greet_and_speak(at, fd, &descriptors))
		return false;
	size_t n = buf_len(&enemy_packet), from = 2 + speak_random((uint32_t)n);
	for (size_t i = from; i < from + 4 && i < n; i++)
		buf_data(&enemy_packet)[i] = 0xff;
	enemy_say(fd, descriptors);
	return false;
}

static bool say_with_descriptors(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	if (!greet_and_speak(at, fd, &descriptors))
		return false;
	enemy_say(fd, descriptors == 0 ? 1 + speak_random(7) : speak_random(2) * 7);
	return true;
}

static bool flood(const struct enemy_place *at, int fd)
{
	unsigned descriptors = 0;
	if (!greet_and_speak(at, fd, &descriptors) || descriptors > 0)
		return false;
	for (int i = 0; i < FLOOD && !enemy_is_dropped(fd); i++)
		if (!enemy_send(fd, buf_data(&enemy_packet), buf_len(&enemy_packet), 0))
			let_it_read();
	return false;
}

const struct enemy_way enemy_ways[] = {
    {"noise", say_noise, false},
    {"nothing", say_nothing, false},
    {"wrong greeting", say_wrong_greeting, false},
    {"own side", say_own_side, false},
    {"greeting twice", say_greeting_twice, false},
    {"greeting with a descriptor", say_greeting_with_a_descriptor, false},
    {"others' words", say_others_words, false},
    {"unknown", say_unknown, false},
    {"anything", say_anything, false},
    {"all twice", say_all_twice, false},
    {"damaged", say_damaged, false},
    {"cut", say_cut, false},
    {"too much", say_too_much, false},
    {"huge counts", say_huge_counts, false},
    {"descriptors", say_with_descriptors, false},
    {"flood", flood, true},
};
const unsigned enemy_way_count = sizeof(enemy_ways) / sizeof(enemy_ways[0]);

long enemy_memory_kb(pid_t pid)
{
	char path[64], line[128];
	long kb = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(file);
	return kb;
}
