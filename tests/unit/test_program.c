/* SPDX-License-Identifier: ISC
 *
 * What control takes from a program, which the test plays; its process is one that only waits.
 */
#include "control/program.h"

#include "common/log.h"
#include "common/msg-supervision.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct program_table table;
static struct program *remote, *smtpd;
static int raw; /* the program's end */
static unsigned readies, connections, quarrels, verdicts, ends;
static int end_status;

/* --- What control does with it --- */

int child_raise_fd(int fd)
{
	return fd;
}

pid_t child_start(const struct child_plan *plan)
{
	raw = fcntl(plan->channel, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(raw, 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* it outlives no test that fails */
		for (;;)
			pause();
	}
	return pid;
}

static void on_ready(struct program *p)
{
	ck_assert_int_eq(p->state, PROGRAM_READY);
	readies++;
}

static void on_ended(struct program *p, int status)
{
	ck_assert_int_eq(p->state, PROGRAM_DOWN);
	end_status = status;
	ends++;
}

static void on_edge_broken(
    struct program_table *t, struct program *p, const struct msg_edge_broken *m)
{
	ck_assert(t == &table && p->channel != NULL && m->edge == EDGE_remote_resolver);
	quarrels++;
}

static void on_key_verdict(const struct msg_key_verdict *m)
{
	ck_assert(m->number == 2 && m->serial == 3 && m->refused && !m->in_use);
	verdicts++;
}

static bool on_connect_lmtp(struct program *p, uint32_t cookie, struct str name)
{
	ck_assert_ptr_eq(p, remote);
	ck_assert(cookie == 7 && str_eq(name, STR("dovecot")));
	connections++;
	return true;
}

/* --- What the program says --- */

static void say(const void *p, size_t n)
{
	ck_assert_int_eq(send(raw, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void greet(void)
{
	struct buf packet = BUF_INIT(256);
	struct wire_writer w = {.buf = &packet};
	wire_put_u16(&w, 0);
	wire_put_str(&w, STR("supervision"), 64);
	wire_put_u16(&w, supervision_server.version);
	wire_put_u8(&w, 1);
	say(buf_data(&packet), buf_len(&packet));
	buf_release(&packet);
}

static void ready(void)
{
	say("\0\x08", 2);
	unit_settle();
}

static void ask_for_socket(void)
{
	say("\0\x09\0\0\0\x07\0\0\0\x07"
	    "dovecot",
	    17);
	unit_settle();
}

static void begin(struct program *p)
{
	const struct child_plan plan = {.file = "a-program"};
	ck_assert(program_start(p, &plan));
	ck_assert_int_eq(p->state, PROGRAM_STARTING);
	greet();
	unit_settle();
	ck_assert(program_is_reachable(p));
}

static void set_up(void)
{
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	table = (struct program_table){.on_ready = on_ready,
	    .on_ended = on_ended,
	    .on_edge_broken = on_edge_broken,
	    .on_key_verdict = on_key_verdict,
	    .on_connect_lmtp = on_connect_lmtp};
	program_table_fill(&table, (struct wiring_size){.workers = 1});
	remote = program_find(&table, (struct wiring_end){PROGRAM_deliver_remote, 0});
	smtpd = program_find(&table, (struct wiring_end){PROGRAM_smtpd, 0});
}

static void end(struct program *p)
{
	program_kill(p, "the test is over");
	while (ends == 0) {
		const struct timespec pause = {.tv_nsec = 1000000L};
		program_reap(&table);
		nanosleep(&pause, NULL); /* Check ends a test in which nothing dies */
	}
	ck_assert(WIFSIGNALED(end_status) && WTERMSIG(end_status) == SIGKILL);
	close(raw);
}

/* It is not believed any more: killed in a moment, for this. */
static void expect_broken(struct program *p)
{
	ck_assert(!program_is_reachable(p));
	ck_assert_ptr_null(p->channel);
	ck_assert_str_eq(p->broken_why, "the peer broke the protocol");
	while (p->killed_why == NULL)
		unit_wait();
	ck_assert_str_eq(p->killed_why, p->broken_why);
	end(p);
	ck_assert_str_ne(p->killed_why, "the test is over");
}

START_TEST(ready_is_said_once)
{
	begin(remote);
	ready();
	ck_assert_uint_eq(readies, 1);
	ck_assert(remote->was_ready && program_is_reachable(remote));
	ready();
	ck_assert_uint_eq(readies, 1);
	expect_broken(remote);
}
END_TEST

/* It had not yet heard that it has to leave. */
START_TEST(ready_too_late_changes_nothing)
{
	begin(remote);
	program_stop(remote, 60 * 1000);
	ready();
	ready();
	ck_assert_int_eq(remote->state, PROGRAM_STOPPING);
	ck_assert(readies == 0 && !remote->was_ready && remote->channel != NULL);
	ask_for_socket();
	ck_assert(connections == 0 && remote->channel != NULL);
	end(remote);
}
END_TEST

START_TEST(only_deliver_remote_asks_for_sockets)
{
	begin(_i == 0 ? remote : smtpd);
	ready();
	ask_for_socket();
	ck_assert_uint_eq(connections, _i == 0);
	if (_i == 0)
		end(remote);
	else
		expect_broken(smtpd);
}
END_TEST

START_TEST(only_keys_judges_certificates)
{
	struct program *p = smtpd;
	if (_i == 0)
		p = program_find(&table, (struct wiring_end){PROGRAM_keys, 0});
	const uint8_t said[] = {0, 14, 0, 2, 0, 0, 0, 3, 1, 0, 0, 0, 0, 0};
	begin(p);
	say(said, sizeof(said));
	unit_settle();
	ck_assert_uint_eq(verdicts, _i == 0);
	if (_i == 0)
		end(p);
	else
		expect_broken(p);
}
END_TEST

START_TEST(a_broken_edge_is_passed_on)
{
	begin(remote);
	const uint8_t said[] = {0, 13, EDGE_remote_resolver, 0, 0, 0, 0, 0, 1};
	say(said, sizeof(said));
	unit_settle();
	ck_assert_uint_eq(quarrels, 1);
	end(remote);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("program");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, ready_is_said_once);
	tcase_add_test(tc, ready_too_late_changes_nothing);
	tcase_add_loop_test(tc, only_deliver_remote_asks_for_sockets, 0, 2);
	tcase_add_loop_test(tc, only_keys_judges_certificates, 0, 2);
	tcase_add_test(tc, a_broken_edge_is_passed_on);
	return unit_run_case("program", tc);
}
