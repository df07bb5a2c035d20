/* SPDX-License-Identifier: ISC
 *
 * What sendmail reads: to the end, or to the dot, in memory or in a file.
 */
#include "control/input.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
	const char *in, *message;
	bool ended;
} dots[] = {
    {"", "", false},
    {"a\n", "a\n", false},
    {".\n", "", true},
    {".\r\n", "", true},
    {"a\n.\nb\n", "a\n", true},
    {"a\r\n.\r\nb", "a\r\n", true},
    {"a\n..\n", "a\n..\n", false},
    {"a\n.b\n", "a\n.b\n", false},
    {"a.\n", "a.\n", false},
    {"a\n.", "a\n.", false},
    {"a\n.\r", "a\n.\r", false},
    {"a\n.\r\r\n", "a\n.\r\r\n", false},
    {"\n.\n", "\n", true},
};

START_TEST(the_dot_is_found_wherever_the_input_is_cut)
{
	struct str in = str_from_cstr(dots[_i].in);
	struct str want = str_from_cstr(dots[_i].message);
	for (size_t cut = 0; cut <= in.n; cut++) {
		int state = 0;
		bool ended;
		size_t drop;
		struct str pieces[] = {str_head(in, cut), str_skip(in, cut)};
		size_t total = input_find_dot(&state, pieces[0], &ended, &drop);
		ck_assert_uint_eq(drop, 0);
		if (!ended) {
			size_t more = input_find_dot(&state, pieces[1], &ended, &drop);
			ck_assert_uint_le(drop, total);
			total = total + more - drop;
		}
		ck_assert_int_eq(ended, dots[_i].ended);
		ck_assert_uint_eq(total, want.n);
		ck_assert(memcmp(in.p, want.p, want.n) == 0);
	}
}
END_TEST

static int file_of(struct str s)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, s.p, s.n), (ssize_t)s.n);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void check_content(const struct input *in, struct str want)
{
	char *got = malloc(want.n + 1);
	size_t n = 0;
	for (ssize_t r; (r = input_get(in, n, got + n, want.n + 1 - n)) > 0;)
		n += (size_t)r;
	ck_assert_uint_eq(n, want.n);
	ck_assert(memcmp(got, want.p, n) == 0);
	free(got);
}

START_TEST(small_input_stays_in_memory)
{
	struct input in;
	int fd = file_of(STR("one\ntwo\n.\nthree\n"));
	ck_assert(input_read(&in, fd, true, 1000));
	ck_assert_uint_eq(in.size, 8);
	ck_assert_uint_eq(in.lines, 2);
	ck_assert_int_lt(in.file, 0);
	check_content(&in, STR("one\ntwo\n"));
	input_release(&in);
	lseek(fd, 0, SEEK_SET);
	ck_assert(input_read(&in, fd, false, 1000));
	check_content(&in, STR("one\ntwo\n.\nthree\n"));
	input_release(&in);
	close(fd);
}
END_TEST

START_TEST(large_input_goes_to_a_file)
{
	size_t n = INPUT_MEMORY_MAX + 200000;
	char *text = malloc(n);
	for (size_t i = 0; i < n; i++)
		text[i] = i % 71 == 70 ? '\n' : (char)('a' + i % 23);
	/* The ending lies across two reads of 64 KiB. */
	size_t dot = (size_t)17 * 65536 - 2;
	memcpy(text + dot - 1, "\n.\r\n", 4);
	int fd = file_of(str_from(text, n));
	struct input in;
	ck_assert(input_read(&in, fd, true, n));
	ck_assert_int_ge(in.file, 0);
	check_content(&in, str_from(text, dot));
	ck_assert_int_eq(fcntl(in.file, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	input_release(&in);
	lseek(fd, 0, SEEK_SET);
	ck_assert(input_read(&in, fd, false, n));
	check_content(&in, str_from(text, n));
	input_release(&in);
	close(fd);
	free(text);
}
END_TEST

START_TEST(too_much_is_refused)
{
	struct input in;
	int fd = file_of(STR("12345678"));
	ck_assert(!input_read(&in, fd, false, 7));
	ck_assert_int_eq(errno, EFBIG);
	input_release(&in);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("input");
	tcase_add_loop_test(
	    tc, the_dot_is_found_wherever_the_input_is_cut, 0, sizeof(dots) / sizeof(dots[0]));
	tcase_add_test(tc, small_input_stays_in_memory);
	tcase_add_test(tc, large_input_goes_to_a_file);
	tcase_add_test(tc, too_much_is_refused);
	return unit_run_case("input", tc);
}
