/* SPDX-License-Identifier: ISC
 *
 * syncfs is this program's own here: it counts, can be held up, and can fail.
 */
#include "common/loop.h"
#include "deliver-local/group-sync.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* a sync passes only when it is open */
static int sync_error;
static unsigned syncs;

int syncfs(int fd)
{
	struct stat st;
	pthread_mutex_lock(&gate);
	syncs++;
	int error = fstat(fd, &st) < 0 ? errno : sync_error;
	pthread_mutex_unlock(&gate);
	errno = error;
	return error == 0 ? 0 : -1;
}

static struct group_sync *group;
static uint64_t told[5000];
static size_t told_count, calls;
static int told_error;
static size_t wanted;

static void on_synced(void *ctx, const uint64_t *cookies, size_t n, int error)
{
	(void)ctx;
	ck_assert_uint_le(n, GROUP_SYNC_MANY);
	ck_assert_uint_le(told_count + n, sizeof(told) / sizeof(told[0]));
	memcpy(told + told_count, cookies, n * sizeof(*cookies));
	told_count += n;
	told_error = error;
	calls++;
	if (told_count >= wanted)
		loop_exit();
}

static void setup(void)
{
	struct stat st;
	int root = scratch_open();
	group = group_sync_new(on_synced, NULL);
	ck_assert_int_eq(fstat(root, &st), 0);
	ck_assert_int_eq(group_sync_file_system(group, st.st_dev, root), 0);
	ck_assert_int_eq(group_sync_file_system(group, st.st_dev, root), 0);
}

static void teardown(void)
{
	scratch_close();
}

static void run_until_told(size_t n)
{
	wanted = n;
	while (told_count < n)
		loop_run();
}

START_TEST(a_lone_one)
{
	group_sync_add(group, 42);
	ck_assert_uint_eq(group_sync_waiting(group), 1);
	run_until_told(1);
	ck_assert_uint_eq(told[0], 42);
	ck_assert_int_eq(told_error, 0);
	ck_assert_uint_eq(syncs, 1);
	ck_assert_uint_eq(group_sync_waiting(group), 0);
}
END_TEST

START_TEST(many_share_one_sync)
{
	for (uint64_t i = 0; i < GROUP_SYNC_MANY; i++)
		group_sync_add(group, i);
	run_until_told(GROUP_SYNC_MANY);
	ck_assert_uint_eq(syncs, 1);
	ck_assert_uint_eq(calls, 1);
	for (uint64_t i = 0; i < GROUP_SYNC_MANY; i++)
		ck_assert_uint_eq(told[i], i);
}
END_TEST

/* What comes while a sync runs belongs to the next one, however much it is. */
START_TEST(next_ones_wait_for_the_next)
{
	pthread_mutex_lock(&gate);
	group_sync_add(group, 1);
	group_sync_hurry(group);
	for (uint64_t i = 0; i < 2 * GROUP_SYNC_MANY + 1; i++)
		group_sync_add(group, 100 + i);
	ck_assert_uint_eq(group_sync_waiting(group), 2 * GROUP_SYNC_MANY + 2);
	pthread_mutex_unlock(&gate);
	run_until_told(1);
	ck_assert_uint_eq(told[0], 1);
	ck_assert_uint_eq(calls, 1);
	run_until_told(2 * GROUP_SYNC_MANY + 2);
	ck_assert_uint_eq(syncs, 2);
	ck_assert_uint_eq(calls, 4);
}
END_TEST

START_TEST(failure_is_told)
{
	sync_error = EIO;
	group_sync_add(group, 7);
	run_until_told(1);
	ck_assert_int_eq(told_error, EIO);
	sync_error = 0;
	group_sync_add(group, 8);
	run_until_told(2);
	ck_assert_int_eq(told_error, 0);
}
END_TEST

START_TEST(forgotten)
{
	pthread_mutex_lock(&gate);
	group_sync_add(group, 1);
	group_sync_hurry(group);
	group_sync_add(group, 2);
	group_sync_forget(group);
	ck_assert_uint_eq(group_sync_waiting(group), 0);
	group_sync_add(group, 3);
	pthread_mutex_unlock(&gate);
	run_until_told(1);
	ck_assert_uint_eq(told[0], 3);
	ck_assert_uint_eq(syncs, 2);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("group-sync");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_lone_one);
	tcase_add_test(t, many_share_one_sync);
	tcase_add_test(t, next_ones_wait_for_the_next);
	tcase_add_test(t, failure_is_told);
	tcase_add_test(t, forgotten);
	return unit_run_case("group-sync", t);
}
