/* SPDX-License-Identifier: ISC
 *
 * The sync thread over a disk in memory whose syncs wait at a gate, so that what happens while one
 * runs happens in that order, however long anything takes.
 */
#include "queue/spool-thread.h"
#include "spool-sim.h"
#include "unit.h"

#include "common/mem.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEGMENT = 64 * 1024, SEED = 0x1234567, PATIENCE_MS = 60000, DONE_MAX = 4 };

static struct sim sim;
static struct spool_io *io;
static struct spool_writer writer;
static struct spool_thread *thread;
static struct spool_batch *done[DONE_MAX];
static size_t done_count;
static struct spool_report report;

static int (*sync_data)(struct spool_io *, int);
static atomic_bool closed;
static sem_t arrived, may_go;

static int sync_at_the_gate(struct spool_io *of, int fd)
{
	if (atomic_load(&closed)) {
		sem_post(&arrived);
		sem_wait(&may_go);
	}
	return sync_data(of, fd);
}

static void fetch(void)
{
	struct spool_report r;
	struct spool_batch *next;
	for (struct spool_batch *b = spool_thread_fetch(thread, &r); b != NULL; b = next) {
		next = b->next;
		ck_assert_uint_lt(done_count, DONE_MAX);
		done[done_count++] = b;
	}
	free(r.opened);
	report = r;
}

static void wait_until_told(void)
{
	struct pollfd p = {.fd = spool_thread_fd(thread), .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	fetch();
}

static void setup(void)
{
	const struct spool_options options = {.segment_size = SEGMENT};
	sim_init(&sim, 1);
	io = sim_io(&sim);
	sync_data = io->sync_data;
	io->sync_data = sync_at_the_gate;
	sem_init(&arrived, 0, 0);
	sem_init(&may_go, 0, 0);
	atomic_store(&closed, false);
	writer = (struct spool_writer){0};
	spool_append_init(&writer.append, SEED);
	spool_stock_init(&writer.append.stock, io, &options, 1, 2);
	writer.append.next_sequence = writer.append.next_batch = 1;
	writer.append.tail = writer.append.wanted_tail = 1;
	spool_writer_init(&writer, &(struct spool_owed){0});
	done_count = 0;
	thread = spool_thread_start(&writer, true);
	ck_assert_ptr_nonnull(thread);
	/* A segment in advance is made by itself; then nothing is left to do. */
	do
		wait_until_told();
	while (report.free_segments == 0);
}

static void teardown(void)
{
	spool_thread_free(thread);
	spool_writer_reset(&writer);
	for (size_t i = 0; i < done_count; i++)
		spool_batch_free(done[i]);
	io->free(io);
	sim_reset(&sim);
	sem_destroy(&arrived);
	sem_destroy(&may_go);
}

static struct spool_batch *batch_of(uint64_t id)
{
	const struct envelope e = {.arrival = 1700000000000, .reverse_path = STR("s@example.org")};
	struct recipient r = {.address = STR("a@example.net"), .transport = TRANSPORT_LOCAL};
	struct spool_batch *b = spool_batch_new();
	const struct spool_message m = {
	    .envelope = &e, .recipients = &r, .recipient_count = 1, .content = STR("content\r\n")};
	b->tail = 1;
	ck_assert_int_eq(
	    spool_batch_add_message(b, id, &m, NULL, spool_append_capacity(SEGMENT)), 0);
	return b;
}

static void close_gate(void)
{
	atomic_store(&closed, true);
}

/* Who waits at the gate goes, and everybody after. */
static void open_gate(void)
{
	atomic_store(&closed, false);
	sem_post(&may_go);
}

static void wait_for_done(size_t n)
{
	while (done_count < n)
		wait_until_told();
	ck_assert_uint_eq(done_count, n);
}

static void check_done(size_t i, uint64_t id)
{
	ck_assert_uint_eq(done[i]->count, 1);
	ck_assert_uint_eq(done[i]->entries[0].id, id);
	ck_assert_int_eq(done[i]->entries[0].error, 0);
	ck_assert_uint_ge(done[i]->entries[0].place.offset, SPOOL_BLOCK);
}

START_TEST(a_batch_comes_back_written)
{
	spool_thread_give(thread, batch_of(7));
	wait_for_done(1);
	check_done(0, 7);
	ck_assert_uint_eq(report.in_use, 1);
	ck_assert_int_eq(report.mail_error, 0);
	spool_thread_stop(thread);
}
END_TEST

START_TEST(what_waits_may_be_taken_back)
{
	close_gate();
	spool_thread_give(thread, batch_of(1));
	sem_wait(&arrived);
	ck_assert_ptr_null(spool_thread_take_back(thread)); /* it is being written */
	struct spool_batch *second = batch_of(2);
	spool_thread_give(thread, second);
	ck_assert_ptr_eq(spool_thread_take_back(thread), second);
	ck_assert_ptr_null(spool_thread_take_back(thread));
	spool_batch_free(second);
	open_gate();
	wait_for_done(1);
	check_done(0, 1);
	spool_thread_stop(thread);
	fetch();
	ck_assert_uint_eq(done_count, 1);
}
END_TEST

START_TEST(nothing_is_told_before_its_sync)
{
	struct pollfd p = {.fd = spool_thread_fd(thread), .events = POLLIN};
	close_gate();
	spool_thread_give(thread, batch_of(1));
	sem_wait(&arrived);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	fetch();
	ck_assert_uint_eq(done_count, 0);
	open_gate();
	wait_for_done(1);
	spool_thread_stop(thread);
}
END_TEST

/* And in the order in which they were given. */
START_TEST(a_stop_finishes_what_waits)
{
	close_gate();
	spool_thread_give(thread, batch_of(1));
	sem_wait(&arrived);
	spool_thread_give(thread, batch_of(2));
	open_gate();
	spool_thread_stop(thread);
	fetch();
	ck_assert_uint_eq(done_count, 2);
	check_done(0, 1);
	check_done(1, 2);
	/* From here on the caller turns it. */
	spool_thread_give(thread, batch_of(3));
	spool_thread_turn(thread);
	fetch();
	ck_assert_uint_eq(done_count, 3);
	check_done(2, 3);
}
END_TEST

START_TEST(what_nobody_fetched_is_freed)
{
	spool_thread_give(thread, batch_of(1));
	spool_thread_stop(thread);
	spool_thread_give(thread, batch_of(2)); /* and what nobody wrote */
}
END_TEST

/* A failure is told; when its cause has gone and it is due, mail is taken again. */
START_TEST(a_failure_is_told_and_settled)
{
	close_gate();
	spool_thread_give(thread, batch_of(1));
	sem_wait(&arrived); /* the thread is nowhere else: the disk may be changed */
	sim.fail_in = 1;
	sim.fail_count = 8;
	sim.fail_errno = EIO;
	open_gate();
	wait_for_done(1);
	ck_assert_int_eq(done[0]->entries[0].error, EIO);
	spool_thread_stop(thread);
	/* The hour that passes until then. */
	sim.us += UINT64_C(3600) * 1000 * 1000;
	sim.fail_in = sim.fail_count = 0;
	spool_thread_turn(thread);
	spool_thread_give(thread, batch_of(2));
	spool_thread_turn(thread);
	fetch();
	ck_assert_uint_eq(done_count, 2);
	check_done(1, 2);
	ck_assert_int_eq(report.mail_error, 0);
}
END_TEST

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals = signals + 1;
}

START_TEST(signals_are_left_to_the_event_loop)
{
	sigset_t usr1;
	signal(SIGUSR1, on_signal);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	kill(getpid(), SIGUSR1);
	spool_thread_give(thread, batch_of(1)); /* the thread runs, and would have taken it */
	wait_for_done(1);
	ck_assert_int_eq(signals, 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	ck_assert_int_eq(signals, 1);
	spool_thread_stop(thread);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("thread");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_batch_comes_back_written);
	tcase_add_test(tc, what_waits_may_be_taken_back);
	tcase_add_test(tc, nothing_is_told_before_its_sync);
	tcase_add_test(tc, a_stop_finishes_what_waits);
	tcase_add_test(tc, what_nobody_fetched_is_freed);
	tcase_add_test(tc, a_failure_is_told_and_settled);
	tcase_add_test(tc, signals_are_left_to_the_event_loop);
	return unit_run_case("spool thread", tc);
}
