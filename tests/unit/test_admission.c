/* SPDX-License-Identifier: ISC */
#include "common/admission.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

union client {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

static union client client(const char *text)
{
	union client c = {.v4 = {.sin_family = AF_INET, .sin_port = htons(1234)}};
	if (inet_pton(AF_INET, text, &c.v4.sin_addr) == 1)
		return c;
	c = (union client){.v6 = {.sin6_family = AF_INET6}};
	ck_assert_int_eq(inet_pton(AF_INET6, text, &c.v6.sin6_addr), 1);
	return c;
}

static struct admission *worker(int fd, unsigned number, unsigned workers)
{
	struct admission *a = admission_open(dup(fd), number, workers);
	ck_assert_ptr_nonnull(a);
	return a;
}

START_TEST(the_limit_is_for_all_workers_together)
{
	int fd = admission_create(3);
	ck_assert_int_ge(fd, 0);
	struct admission *a = worker(fd, 0, 3);
	struct admission *b = worker(fd, 1, 3);
	union client c = client("192.0.2.1");
	union client other = client("192.0.2.2");
	ck_assert(admission_enter(a, &c.any, 3));
	ck_assert(admission_enter(b, &c.any, 3));
	ck_assert(admission_enter(a, &c.any, 3));
	ck_assert(!admission_enter(a, &c.any, 3));
	ck_assert(!admission_enter(b, &c.any, 3));
	ck_assert(admission_enter(b, &other.any, 3));
	ck_assert(admission_enter(b, &c.any, 0)); /* no limit, but counted */
	ck_assert_uint_eq(admission_total(a), 5);
	admission_leave(b, &c.any);
	admission_leave(a, &c.any);
	ck_assert(admission_enter(b, &c.any, 3));
	ck_assert(!admission_enter(a, &c.any, 3));
	admission_close(a);
	admission_close(b);
	admission_close(NULL);
	close(fd);
}
END_TEST

START_TEST(a_dead_workers_counts_go_with_it)
{
	int fd = admission_create(2);
	struct admission *a = worker(fd, 0, 2);
	struct admission *b = worker(fd, 1, 2);
	union client c = client("2001:db8::1");
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(a, &c.any, 10));
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(b, &c.any, 10));
	ck_assert(!admission_enter(b, &c.any, 10));
	admission_close(a);
	admission_clear_worker(fd, 0);
	ck_assert_uint_eq(admission_total(b), 5);
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(b, &c.any, 10));
	ck_assert(!admission_enter(b, &c.any, 10));
	admission_clear_worker(fd, 64); /* no such worker: nothing happens */
	ck_assert_uint_eq(admission_total(b), 10);
	admission_close(b);
	close(fd);
}
END_TEST

START_TEST(an_ipv6_client_is_its_network)
{
	int fd = admission_create(1);
	struct admission *a = worker(fd, 0, 1);
	union client c = client("2001:db8:1:2::1");
	union client neighbour = client("2001:db8:1:2:ffff::9");
	union client stranger = client("2001:db8:1:3::1");
	union client v4 = client("192.0.2.7");
	union client mapped = client("::ffff:192.0.2.7");
	ck_assert(admission_enter(a, &c.any, 1));
	ck_assert(!admission_enter(a, &neighbour.any, 1));
	ck_assert(admission_enter(a, &stranger.any, 1));
	ck_assert(admission_enter(a, &v4.any, 1));
	ck_assert(!admission_enter(a, &mapped.any, 1));
	admission_close(a);
	close(fd);
}
END_TEST

START_TEST(a_local_client_has_no_limit)
{
	int fd = admission_create(1);
	struct admission *a = worker(fd, 0, 1);
	union client c = {.un = {.sun_family = AF_UNIX}};
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(a, &c.any, 1));
	ck_assert_uint_eq(admission_total(a), 5);
	for (int i = 0; i < 5; i++)
		admission_leave(a, &c.any);
	ck_assert_uint_eq(admission_total(a), 0);
	admission_leave(a, &c.any); /* one too many does not go below nothing */
	ck_assert_uint_eq(admission_total(a), 0);
	admission_close(a);
	close(fd);
}
END_TEST

/* Thousands of others do not use up a client's share, and everything goes back to nothing. */
START_TEST(many_clients_do_not_crowd_one_out)
{
	enum { CLIENTS = 5000 };
	int fd = admission_create(1);
	struct admission *a = worker(fd, 0, 1);
	union client c = client("10.0.0.0");
	union client one = client("192.0.2.1");
	for (uint32_t i = 0; i < CLIENTS; i++) {
		c.v4.sin_addr.s_addr = htonl(0x0a000000 + i * 17);
		ck_assert(admission_enter(a, &c.any, 20));
	}
	for (int i = 0; i < 10; i++)
		ck_assert(admission_enter(a, &one.any, 20));
	for (int i = 0; i < 10; i++)
		admission_leave(a, &one.any);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		c.v4.sin_addr.s_addr = htonl(0x0a000000 + i * 17);
		admission_leave(a, &c.any);
	}
	ck_assert_uint_eq(admission_total(a), 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		c.v4.sin_addr.s_addr = htonl(0x0a000000 + i * 17);
		ck_assert(admission_enter(a, &c.any, 1));
		admission_leave(a, &c.any);
	}
	admission_close(a);
	close(fd);
}
END_TEST

START_TEST(only_a_table_is_taken)
{
	ck_assert_int_lt(admission_create(0), 0);
	ck_assert_int_lt(admission_create(ADMISSION_WORKERS_MAX + 1), 0);
	int fd = admission_create(2);
	ck_assert_ptr_null(admission_open(dup(fd), 2, 2)); /* no such worker */
	ck_assert_ptr_null(admission_open(dup(fd), 0, 3)); /* another size */
	ck_assert_ptr_null(admission_open(open("/dev/null", O_RDWR), 0, 2));
	ck_assert_ptr_null(admission_open(-1, 0, 2));
	ck_assert_int_ne(ftruncate(fd, 0), 0);
	/* The right size, but nothing of ours in it. */
	int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(other, lseek(fd, 0, SEEK_END)), 0);
	ck_assert_ptr_null(admission_open(dup(other), 0, 2));
	ck_assert_int_eq(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	ck_assert_ptr_null(admission_open(other, 0, 2));
	close(fd);
}
END_TEST

START_TEST(processes_share_it)
{
	int fd = admission_create(2);
	struct admission *a = worker(fd, 0, 2);
	union client c = client("192.0.2.1");
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct admission *b = admission_open(fd, 1, 2);
		_exit(b != NULL && admission_enter(b, &c.any, 1) ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(!admission_enter(a, &c.any, 1));
	ck_assert_uint_eq(admission_total(a), 1);
	admission_close(a);
	close(fd);
}
END_TEST

UNIT_MAIN("admission", the_limit_is_for_all_workers_together, a_dead_workers_counts_go_with_it,
    an_ipv6_client_is_its_network, a_local_client_has_no_limit, many_clients_do_not_crowd_one_out,
    only_a_table_is_taken, processes_share_it)
