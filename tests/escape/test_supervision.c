/* SPDX-License-Identifier: ISC
 *
 * The edge that every program has to root: the real control, with stand-ins for the programs, one
 * of which was taken over. What breaks the protocol of supervision ends that program, which is
 * started anew at its pace; all others stay the processes that they were, but those that the enemy
 * is trusted more than and complains of. Run from the build directory.
 */
#include "control/backoff.h"
#include "control/control-client.h"
#include "control/wiring.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/msg-supervision.h"
#include "tests/escape/enemy.h"
#include "tests/escape/speak.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	WORKERS = 4,
	ROWS_MAX = 32,
	PATIENCE_MS = 20 * 1000,
	ID_READY = 8,
	ID_EDGE_BROKEN = 13,
	ID_CONNECT_LMTP = 9,
	GROWTH_MAX_KB = 96 * 1024,
	DESCRIPTORS_MORE = 200,
};

/* One life of a program that was taken over. */
struct enemy {
	int fd;	  /* its end of the channel to control */
	int life; /* held by what lives; ended when we close it */
};

struct row {
	char name[33];
	unsigned instance;
	pid_t pid;
	bool ready;
};

static const enum program_id programs[] = {PROGRAM_keys, PROGRAM_directory, PROGRAM_resolver,
    PROGRAM_deliver_local, PROGRAM_deliver_remote, PROGRAM_queue, PROGRAM_pop3d_session,
    PROGRAM_pop3d, PROGRAM_smtpd};
enum { PROGRAMS = sizeof(programs) / sizeof(programs[0]) };
static const struct enemy_place not_greeted = {.edge = SPEAK_SUPERVISION},
				greeted = {.edge = SPEAK_SUPERVISION, .greeted = true};

static enum program_id taken_over;
static unsigned instances;
static struct enemy enemies[WORKERS];
static size_t enemy_count;
static pid_t control;
static int ready_fd, door;
static char here[2048];
static struct conf conf; /* only `run` is used */
static struct row rows[ROWS_MAX];
static size_t row_count;

/* ---- the suite ---------------------------------------------------------------------------- */

static void install(enum program_id id)
{
	const char *file = wiring_program(id)->file;
	char *from =
	    xasprintf("%s/tests/unit/%s", here, id == taken_over ? "hand-over" : "stand-in");
	char *to = xasprintf("%s/libexec/%s", scratch_path(), file);
	ck_assert_int_eq(symlink(from, to), 0);
	free(from);
	free(to);
}

static int listen_at(const char *name, int type)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", scratch_path(), name);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(fd, 4096), 0);
	return fd;
}

static void write_conf(void)
{
	char text[512];
	unsigned pid = (unsigned)getpid(); /* a loopback address that is no other test's */
	int n = snprintf(text, sizeof(text),
	    "listen smtp { address = \"127.%u.%u.%u:2525\" }\n"
	    "hostname = \"mx.example.test\"\nmailboxes = \"mail/%%d/%%n\"\nspool = \"spool\"\n"
	    "run = \"run\"\nlog = \"./log\"\nworkers = %d\nlmtp local { socket = lmtp }\n",
	    1 + (pid >> 16) % 250, pid >> 8 & 255, 1 + pid % 250, WORKERS);
	scratch_write("postern.conf", str_from(text, (size_t)n));
}

static void launch(void)
{
	int ends[2];
	char number[16];
	char *path = xasprintf("%s/postern.conf", scratch_path()),
	     *libexec = xasprintf("%s/libexec", scratch_path());
	ck_assert_int_eq(pipe(ends), 0);
	snprintf(number, sizeof(number), "%d", ends[1]);
	control = fork();
	ck_assert_int_ge(control, 0);
	if (control == 0) {
		close(ends[0]);
		execl("control/control", "control", "-c", path, "-l", libexec, "-r", number,
		    (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	ready_fd = ends[0];
	free(path);
	free(libexec);
}

static void wait_readable(int fd, const char *what)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "%s: not in time", what);
}

/* ---- its lives ------------------------------------------------------------------------------ */

static struct enemy next_life(void)
{
	char c;
	struct iovec iov = {.iov_base = &c, .iov_len = 1};
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} space;
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = space.space,
	    .msg_controllen = sizeof(space.space)};
	struct enemy e;
	wait_readable(door, "another life");
	e.life = accept4(door, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(e.life, 0);
	ck_assert_int_eq(recvmsg(e.life, &msg, MSG_CMSG_CLOEXEC), 1);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&msg));
	memcpy(&e.fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return e;
}

static void say_ready(const struct enemy *e)
{
	enemy_greet(&not_greeted, e->fd);
	ck_assert(enemy_send(e->fd, (uint8_t[]){0, ID_READY}, 2, 0));
}

static struct enemy next_ready_life(void)
{
	struct enemy e = next_life();
	say_ready(&e);
	return e;
}

static void until_dead(struct enemy *e, const char *what)
{
	struct pollfd p = {.fd = e->life, .events = POLLIN};
	ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "who says %s is not ended", what);
	close(e->fd);
	close(e->life);
}

/* What it said was read, or it was dropped. Then it leaves, if it was not ended. */
static void until_read(struct enemy *e, const char *what)
{
	int waiting = 1;
	for (uint64_t end = loop_now_ms() + PATIENCE_MS;
	     waiting > 0 && !enemy_is_dropped(e->fd) && loop_now_ms() < end; poll(NULL, 0, 1))
		if (ioctl(e->fd, SIOCOUTQ, &waiting) < 0)
			waiting = 0;
	ck_assert_msg(waiting == 0 || enemy_is_dropped(e->fd), "%s is not read", what);
	shutdown(e->life, SHUT_WR);
	until_dead(e, what);
}

/* ---- control, and all others ---------------------------------------------------------------- */

static void on_program(void *unused, const struct msg_program_status *m)
{
	(void)unused;
	ck_assert_uint_lt(row_count, ROWS_MAX);
	struct row *row = &rows[row_count++];
	snprintf(row->name, sizeof(row->name), "%.*s", STR_ARG(m->name));
	row->instance = m->instance;
	row->pid = (pid_t)m->pid;
	row->ready = m->ready;
}

static void ask_status(void)
{
	const struct command_context ctx = {.conf = &conf};
	struct control_answer answer = {.on_program = on_program};
	row_count = 0;
	ck_assert_int_eq(control_ask(&ctx, CONTROL_STATUS, &answer), EX_OK);
	ck_assert_int_eq(answer.outcome, CONTROL_DONE);
	buf_release(&answer.text);
}

static bool all_ready(void)
{
	bool ready = true;
	ask_status();
	for (size_t i = 0; i < row_count; i++)
		ready = ready && rows[i].ready;
	return ready;
}

static void await_all_ready(void)
{
	uint64_t end = loop_now_ms() + PATIENCE_MS;
	while (!all_ready() && loop_now_ms() < end)
		poll(NULL, 0, 5);
	ck_assert(all_ready());
}

static pid_t pid_of(enum program_id id, unsigned instance)
{
	for (size_t i = 0; i < row_count; i++)
		if (strcmp(rows[i].name, wiring_program(id)->file) == 0 &&
		    rows[i].instance == instance)
			return rows[i].pid;
	ck_abort_msg("no program %d", (int)id);
}

/* It is believed what it says of whom it is trusted more than. */
static bool may_end(const char *name)
{
	for (enum edge_id e = EDGE_NONE + 1; e < EDGE_COUNT; e++) {
		const struct wiring_edge *edge = wiring_edge(e);
		const char *weaker = wiring_program(wiring_weaker(e))->file;
		if ((edge->client == taken_over || edge->server == taken_over) &&
		    wiring_weaker(e) != taken_over && strcmp(name, weaker) == 0)
			return true;
	}
	return strcmp(name, wiring_program(taken_over)->file) == 0;
}

static void check_others(const struct row *before, size_t n)
{
	await_all_ready();
	ck_assert_uint_eq(row_count, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(rows[i].pid == before[i].pid || may_end(rows[i].name),
		    "%s was ended by %s", rows[i].name, wiring_program(taken_over)->file);
}

static size_t control_descriptors(void)
{
	char path[64];
	size_t n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)control);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static size_t count_in_log(const char *needle)
{
	size_t n = 0, size;
	char *log = scratch_read("log", &size);
	for (const char *p = log; p != NULL && (p = strstr(p, needle)) != NULL; p += strlen(needle))
		n++;
	free(log);
	return n;
}

static void await_log(const char *needle, size_t n)
{
	uint64_t end = loop_now_ms() + PATIENCE_MS;
	while (count_in_log(needle) < n && loop_now_ms() < end)
		poll(NULL, 0, 5);
	ck_assert_msg(count_in_log(needle) == n, "\"%s\" %zu times", needle, count_in_log(needle));
}

static void begin(enum program_id id)
{
	char c;
	taken_over = id;
	instances = wiring_instances(id, (struct wiring_size){.workers = WORKERS});
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	scratch_open();
	scratch_mkdir("libexec");
	for (size_t i = 0; i < PROGRAMS; i++)
		install(programs[i]);
	write_conf();
	conf.run = xasprintf("%s/run", scratch_path());
	door = listen_at("enemy", SOCK_SEQPACKET);
	launch();
	for (enemy_count = 0; enemy_count < instances; enemy_count++)
		enemies[enemy_count] = next_ready_life();
	wait_readable(ready_fd, "the start");
	ck_assert_int_eq(read(ready_fd, &c, 1), 1);
	await_all_ready();
}

/* Orderly: every enemy that still lives leaves, as one would that was told to. */
static void end(void)
{
	int status;
	ck_assert_int_eq(kill(control, SIGTERM), 0);
	for (size_t i = 0; i < instances; i++)
		close(enemies[i].life);
	ck_assert_int_eq(waitpid(control, &status, 0), control);
	ck_assert_int_eq(status, 0);
	for (size_t i = 0; i < instances; i++)
		close(enemies[i].fd);
	close(ready_fd);
	close(door);
	free(conf.run);
	scratch_close();
}

/* ---- tests ------------------------------------------------------------------------------------
 */

/* One that has not greeted and is not ready; then, so that the pace is not lost, one that is. */
static void attack(const struct enemy_way *way, bool ready)
{
	struct enemy *e = &enemies[speak_random(instances)];
	bool must = way->say(&greeted, e->fd);
	if (must)
		until_dead(e, way->name);
	else
		until_read(e, way->name);
	*e = next_life();
	if (!ready) {
		must = way->say(&not_greeted, e->fd);
		if (must)
			until_dead(e, way->name);
		else
			until_read(e, way->name);
		*e = next_life();
	}
	say_ready(e);
}

START_TEST(enemy)
{
	struct row before[ROWS_MAX];
	begin(programs[_i]);
	memcpy(before, rows, sizeof(before));
	size_t n = row_count, descriptors = control_descriptors();
	long kb = enemy_memory_kb(control);
	enemy_begin((unsigned)_i);
	/* Each end takes control a tenth of a second: without an order, every other way for each.
	 */
	bool ordered = getenv("POSTERN_SIBLING_ROUNDS") != NULL;
	for (unsigned round = 0; round < (ordered ? enemy_rounds() : 1); round++)
		for (unsigned w = 0; w < enemy_way_count; w++)
			if (ordered || w % 2 == (unsigned)_i % 2)
				attack(&enemy_ways[w], instances == 1 && w / 2 % 2 == round % 2);
	check_others(before, n);
	ck_assert_uint_le(control_descriptors(), descriptors + 4);
	ck_assert_int_lt(enemy_memory_kb(control) - kb, GROWTH_MAX_KB);
	end();
}
END_TEST

/* Messages that it may send, one after the other: 0 when there are no more. */
static size_t message(unsigned number, uint8_t *to)
{
	static const struct {
		size_t n;
		uint8_t octets[16];
	} all[] = {{2, {0, ID_READY}},
	    {9, {0, ID_EDGE_BROKEN, EDGE_smtpd_queue, 0, 0, 0, 0, 0, 99}},
	    {11, {0, ID_CONNECT_LMTP, 0, 0, 0, 1, 0, 0, 0, 1, 'x'}}};
	if (number >= sizeof(all) / sizeof(all[0]))
		return 0;
	memcpy(to, all[number].octets, all[number].n);
	return all[number].n;
}

static void must_die(const uint8_t *p, size_t n, unsigned descriptors, const char *what)
{
	static size_t turn;
	struct enemy *e = &enemies[turn++ % instances];
	ck_assert(enemy_send(e->fd, p, n, descriptors));
	until_dead(e, what);
	*e = next_ready_life();
}

START_TEST(each_message_cut_and_overfull)
{
	uint8_t octets[16] = {0};
	struct row before[ROWS_MAX];
	begin(PROGRAM_deliver_remote);
	memcpy(before, rows, sizeof(before));
	size_t n, count = row_count, descriptors = control_descriptors();
	for (unsigned m = 0; (n = message(m, octets)) > 0; m++) {
		for (size_t cut = 0; cut < n; cut++)
			must_die(octets, cut, 0, "half a message");
		octets[n] = 0;
		must_die(octets, n + 1, 0, "an octet behind a message");
		for (unsigned fds = 1; fds <= 8; fds += m + 2)
			must_die(octets, n, fds, "a message with descriptors");
	}
	check_others(before, count);
	ck_assert_uint_le(control_descriptors(), descriptors + 4);
	end();
}
END_TEST

/* Every number of a message but its own, and that which it says once. */
START_TEST(no_other_message)
{
	begin(PROGRAM_smtpd);
	for (uint8_t id = 0; id <= 16; id++)
		if (id != ID_EDGE_BROKEN)
			must_die((uint8_t[]){0, id}, 2, 0, "what is not for it to say");
	end();
}
END_TEST

/* Connections are made for deliver-remote alone; for others not even when the name is wrong. */
START_TEST(only_one_program_may_ask_for_connections)
{
	uint8_t octets[16];
	size_t n = message(2, octets);
	begin(programs[_i]);
	if (taken_over != PROGRAM_deliver_remote) {
		must_die(octets, n, 0, "that it wants a connection");
	} else {
		ck_assert(enemy_send(enemies[0].fd, octets, n, 0));
		ask_status();
		ck_assert(all_ready() && !enemy_is_dropped(enemies[0].fd));
	}
	end();
}
END_TEST

/* Its end of the channel is closed, but it lives. */
START_TEST(who_cannot_be_told_anything_is_ended)
{
	begin(PROGRAM_smtpd);
	close(enemies[0].fd);
	enemies[0].fd = -1;
	until_dead(&enemies[0], "nothing any more");
	enemies[0] = next_ready_life();
	end();
}
END_TEST

START_TEST(before_it_is_at_work_its_pace_slows)
{
	begin(PROGRAM_resolver);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(enemy_send(enemies[0].fd, "xx", 2, 0));
		until_dead(&enemies[0], "noise");
		enemies[0] = next_life();
	}
	say_ready(&enemies[0]);
	await_all_ready();
	/* The first was at work, and the first after it is not made to wait. */
	ck_assert_uint_eq(count_in_log("is started again in"), 2);
	ck_assert_uint_eq(count_in_log("resolver is started again in 100 ms"), 1);
	ck_assert_uint_eq(count_in_log("resolver is started again in 200 ms"), 1);
	end();
}
END_TEST

START_TEST(at_work_it_comes_back_so_often_at_once)
{
	begin(PROGRAM_resolver);
	uint64_t began = loop_now_ms();
	for (unsigned i = 0; i < BACKOFF_TOKENS + 8; i++)
		must_die((uint8_t[]){0, 0}, 2, 0, "nonsense");
	uint64_t came_back = (loop_now_ms() - began) / BACKOFF_REFILL_MS + 1;
	size_t waited = count_in_log("resolver is started again in");
	ck_assert_uint_le(waited, 8);
	ck_assert_uint_ge(waited + came_back, 8);
	end();
}
END_TEST

/* ---- what it says of others ---------------------------------------------------------------- */

/* The one end of an edge that this life of its was given last; the descriptors are closed. */
static struct msg_edge_broken last_end(const struct enemy *e, enum edge_id edge, unsigned instance)
{
	struct msg_edge_broken found = {.edge = EDGE_NONE};
	uint8_t octets[512];
	union {
		char space[CMSG_SPACE(sizeof(int) * 4)];
		struct cmsghdr align;
	} space;
	struct iovec iov = {.iov_base = octets, .iov_len = sizeof(octets)};
	for (;;) {
		struct msghdr msg = {.msg_iov = &iov,
		    .msg_iovlen = 1,
		    .msg_control = space.space,
		    .msg_controllen = sizeof(space.space)};
		ssize_t n = recvmsg(e->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return found;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
			for (size_t i = 0; CMSG_LEN((i + 1) * sizeof(int)) <= c->cmsg_len; i++)
				close(((const int *)(const void *)CMSG_DATA(c))[i]);
		struct wire_reader r = {.p = octets, .n = (size_t)n};
		struct msg_peer m;
		if (wire_get_u16(&r) != 1)
			continue;
		msg_peer_get(&r, &m);
		if (m.edge == edge && m.instance == instance)
			found = (struct msg_edge_broken){m.edge, m.instance, m.life};
	}
}

static void accuse(const struct enemy *e, const struct msg_edge_broken *m)
{
	struct wire_writer w = {.buf = &enemy_packet};
	buf_reset(&enemy_packet);
	wire_put_u16(&w, ID_EDGE_BROKEN);
	msg_edge_broken_put(&w, m);
	for (unsigned i = 0; i < 60; i++)
		ck_assert(enemy_send(e->fd, buf_data(&enemy_packet), buf_len(&enemy_packet), 0));
}

/* The weaker is ended once for each of its lives, however often that is said, and so the log has it
 * once. */
START_TEST(said_of_the_weaker)
{
	begin(PROGRAM_queue);
	pid_t before = pid_of(PROGRAM_smtpd, 1), other = pid_of(PROGRAM_smtpd, 2);
	struct msg_edge_broken m = last_end(&enemies[0], EDGE_smtpd_queue, 1);
	ck_assert_uint_eq(m.edge, EDGE_smtpd_queue);
	accuse(&enemies[0], &m);
	await_log("has broken the protocol of smtpd_queue, says queue", 1);
	uint64_t until = loop_now_ms() + PATIENCE_MS;
	while ((!all_ready() || pid_of(PROGRAM_smtpd, 1) == before) && loop_now_ms() < until)
		poll(NULL, 0, 5);
	ck_assert(all_ready() && pid_of(PROGRAM_smtpd, 1) != before);
	ck_assert_int_eq(pid_of(PROGRAM_smtpd, 2), other);
	accuse(&enemies[0], &m); /* of a life that is over */
	before = pid_of(PROGRAM_smtpd, 1);
	await_all_ready();
	ck_assert_int_eq(pid_of(PROGRAM_smtpd, 1), before);
	ck_assert_uint_eq(count_in_log("has broken the protocol of smtpd_queue, says queue"), 1);
	end();
}
END_TEST

/* The stronger lives on, and gets a new channel, at its pace. */
START_TEST(said_of_the_stronger)
{
	struct row before[ROWS_MAX];
	struct msg_edge_broken m = {.edge = EDGE_NONE};
	begin(PROGRAM_smtpd);
	memcpy(before, rows, sizeof(before));
	size_t n = row_count;
	for (unsigned i = 0; i < instances; i++) {
		m = last_end(&enemies[i], EDGE_smtpd_queue, 0);
		ck_assert_uint_eq(m.edge, EDGE_smtpd_queue);
		accuse(&enemies[i], &m);
	}
	await_log("both get a new one in 0 ms", instances);
	check_others(before, n);
	ck_assert_uint_le(count_in_log("both get a new one in"), 4 * (size_t)instances);
	end();
}
END_TEST

/* ---- who does not listen --------------------------------------------------------------------- */

/* It asks for connections and takes none of them: control has descriptors left for others. */
START_TEST(connections_that_nobody_takes)
{
	enum { MANY = 20000 };
	uint8_t octets[] = {0, ID_CONNECT_LMTP, 0, 0, 0, 1, 0, 0, 0, 5, 'l', 'o', 'c', 'a', 'l'};
	begin(PROGRAM_deliver_remote);
	int lmtp = listen_at("lmtp", SOCK_STREAM);
	size_t descriptors = control_descriptors();
	long kb = enemy_memory_kb(control);
	for (unsigned i = 0; i < MANY && !enemy_is_dropped(enemies[0].fd); i++)
		if (!enemy_send(enemies[0].fd, octets, sizeof(octets), 0))
			poll(NULL, 0, 1);
	ask_status();
	ck_assert_uint_le(control_descriptors(), descriptors + DESCRIPTORS_MORE);
	ck_assert_int_lt(enemy_memory_kb(control) - kb, GROWTH_MAX_KB);
	pid_t before = pid_of(PROGRAM_resolver, 0);
	ck_assert_int_eq(kill(before, SIGKILL), 0);
	uint64_t until = loop_now_ms() + PATIENCE_MS;
	while ((!all_ready() || pid_of(PROGRAM_resolver, 0) == before) && loop_now_ms() < until)
		poll(NULL, 0, 5);
	ck_assert(all_ready() && pid_of(PROGRAM_resolver, 0) != before);
	close(lmtp);
	end();
}
END_TEST

int main(void)
{
	enemy_setup();
	TCase *tc = tcase_create("supervision");
	tcase_set_timeout(tc, getenv("POSTERN_SIBLING_ROUNDS") == NULL ? 120 : 3600);
	tcase_add_loop_test(tc, enemy, 0, PROGRAMS);
	tcase_add_test(tc, each_message_cut_and_overfull);
	tcase_add_test(tc, no_other_message);
	tcase_add_loop_test(tc, only_one_program_may_ask_for_connections, 0, PROGRAMS);
	tcase_add_test(tc, who_cannot_be_told_anything_is_ended);
	tcase_add_test(tc, before_it_is_at_work_its_pace_slows);
	tcase_add_test(tc, at_work_it_comes_back_so_often_at_once);
	tcase_add_test(tc, said_of_the_weaker);
	tcase_add_test(tc, said_of_the_stronger);
	tcase_add_test(tc, connections_that_nobody_takes);
	return enemy_report(unit_run_case("supervision", tc));
}
