/* SPDX-License-Identifier: ISC */
#include "common/admission.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
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

enum { PLACES = 10000 };

static struct admission_table *table(unsigned workers)
{
	struct admission_table *t = admission_table_new(workers, PLACES);
	ck_assert_ptr_nonnull(t);
	return t;
}

static struct admission *worker(const struct admission_table *t, unsigned number, unsigned workers)
{
	struct admission *a = admission_new(number, workers);
	ck_assert_ptr_nonnull(a);
	for (unsigned page = 0; page <= workers; page++) {
		ck_assert(!admission_is_whole(a));
		ck_assert(admission_map(a, page, dup(admission_table_page(t, page, number))));
	}
	ck_assert(admission_is_whole(a));
	return a;
}

/* What an intruder in a worker writes into its page: `v` everywhere, or in each bucket of one half.
 */
static void scribble(const struct admission_table *t, unsigned number, uint32_t v)
{
	static uint32_t page[16384];
	for (size_t i = 0; i < sizeof(page) / sizeof(page[0]); i++)
		page[i] = v;
	int fd = admission_table_page(t, number, number);
	ck_assert_int_eq(pwrite(fd, page, sizeof(page), 0), (ssize_t)sizeof(page));
}

START_TEST(the_limit_is_for_all_workers_together)
{
	struct admission_table *t = table(3);
	struct admission *a = worker(t, 0, 3);
	struct admission *b = worker(t, 1, 3);
	union client c = client("192.0.2.1");
	union client other = client("192.0.2.2");
	ck_assert(admission_enter(a, &c.any, 3));
	ck_assert(admission_enter(b, &c.any, 3));
	ck_assert(admission_enter(a, &c.any, 3));
	ck_assert(!admission_enter(a, &c.any, 3));
	ck_assert(!admission_enter(b, &c.any, 3));
	ck_assert(admission_enter(b, &other.any, 3));
	ck_assert(admission_enter(b, &c.any, 0)); /* no limit, but counted */
	ck_assert_uint_eq(admission_count(a), 2);
	ck_assert_uint_eq(admission_count(b), 3);
	admission_leave(b, &c.any);
	admission_leave(a, &c.any);
	ck_assert(admission_enter(b, &c.any, 3));
	ck_assert(!admission_enter(a, &c.any, 3));
	admission_free(a);
	admission_free(b);
	admission_free(NULL);
	admission_table_free(t);
}
END_TEST

START_TEST(a_dead_workers_counts_go_with_it)
{
	struct admission_table *t = table(2);
	struct admission *a = worker(t, 0, 2);
	struct admission *b = worker(t, 1, 2);
	union client c = client("2001:db8::1");
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(a, &c.any, 10));
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(b, &c.any, 10));
	ck_assert(!admission_enter(b, &c.any, 10));
	admission_free(a);
	admission_table_clear(t, 0);
	ck_assert_uint_eq(admission_count(b), 5);
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(b, &c.any, 10));
	ck_assert(!admission_enter(b, &c.any, 10));
	admission_table_clear(t, 64); /* no such worker: nothing happens */
	ck_assert_uint_eq(admission_count(b), 10);
	admission_free(b);
	admission_table_free(t);
}
END_TEST

START_TEST(an_ipv6_client_is_its_network)
{
	struct admission_table *t = table(1);
	struct admission *a = worker(t, 0, 1);
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
	admission_free(a);
	admission_table_free(t);
}
END_TEST

START_TEST(a_local_client_has_no_limit)
{
	struct admission_table *t = table(1);
	struct admission *a = worker(t, 0, 1);
	union client c = {.un = {.sun_family = AF_UNIX}};
	for (int i = 0; i < 5; i++)
		ck_assert(admission_enter(a, &c.any, 1));
	ck_assert_uint_eq(admission_count(a), 5);
	for (int i = 0; i < 5; i++)
		admission_leave(a, &c.any);
	ck_assert_uint_eq(admission_count(a), 0);
	admission_leave(a, &c.any); /* one too many does not go below nothing */
	ck_assert_uint_eq(admission_count(a), 0);
	admission_free(a);
	admission_table_free(t);
}
END_TEST

/* Thousands of others do not use up a client's share, and everything goes back to nothing. */
START_TEST(many_clients_do_not_crowd_one_out)
{
	enum { CLIENTS = 5000 };
	struct admission_table *t = table(1);
	struct admission *a = worker(t, 0, 1);
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
	ck_assert_uint_eq(admission_count(a), 0);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		c.v4.sin_addr.s_addr = htonl(0x0a000000 + i * 17);
		ck_assert(admission_enter(a, &c.any, 1));
		admission_leave(a, &c.any);
	}
	admission_free(a);
	admission_table_free(t);
}
END_TEST

START_TEST(only_a_page_is_taken)
{
	errno = 0;
	ck_assert_ptr_null(admission_table_new(0, PLACES));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_ptr_null(admission_table_new(ADMISSION_WORKERS_MAX + 1, PLACES));
	ck_assert_ptr_null(admission_new(2, 2)); /* no such worker */
	ck_assert_ptr_null(admission_new(0, ADMISSION_WORKERS_MAX + 1));
	struct admission_table *t = table(2), *three = table(3);
	struct admission *a = admission_new(0, 2);
	ck_assert(!admission_map(a, 0, open("/dev/null", O_RDWR)));
	ck_assert(!admission_map(a, 0, -1));
	ck_assert(!admission_map(a, 3, dup(admission_table_page(t, 1, 0))));
	ck_assert(!admission_map(a, 0, dup(admission_table_page(t, 2, 0)))); /* another size */
	ck_assert(!admission_map(a, 0, dup(admission_table_page(t, 0, 1)))); /* not to be written */
	ck_assert(!admission_map(a, 2, dup(admission_table_page(three, 3, 0))));
	ck_assert(admission_map(a, 0, dup(admission_table_page(t, 0, 0))));
	ck_assert(!admission_map(a, 0, dup(admission_table_page(t, 0, 0)))); /* twice */
	ck_assert(!admission_is_whole(a));
	/* The right size, but nothing that keeps it. */
	off_t size = lseek(admission_table_page(t, 1, 0), 0, SEEK_END);
	int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_eq(ftruncate(other, size), 0);
	ck_assert(!admission_map(a, 1, dup(other)));
	ck_assert_int_eq(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	ck_assert(admission_map(a, 1, other));
	/* And of control's page, the wrong octets. */
	other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size = lseek(admission_table_page(t, 2, 0), 0, SEEK_END);
	ck_assert_int_eq(ftruncate(other, size), 0);
	ck_assert_int_eq(fcntl(other, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	ck_assert(!admission_map(a, 2, other));
	ck_assert(!admission_is_whole(a));
	admission_free(a);
	admission_table_free(three);
	admission_table_free(t);
}
END_TEST

/* With the descriptors of everybody else's pages nothing can be written, not even by opening them
 * again as the user that they belong to. */
START_TEST(a_worker_writes_its_own_page_only)
{
	int status;
	struct admission_table *t = table(3);
	pid_t child = fork();
	if (child == 0) {
		char path[32];
		bool ok = true;
		if (geteuid() == 0) {
			for (unsigned page = 0; page <= 3; page++)
				ok = ok &&
				     fchown(admission_table_page(t, page, page), 65534, 65534) == 0;
			ok = ok && setuid(65534) == 0;
		}
		for (unsigned page = 0; page <= 3; page++) {
			int fd = admission_table_page(t, page, 1);
			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			bool writable = pwrite(fd, "x", 1, 0) == 1;
			void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			ok = ok && writable == (page == 1) && (p != MAP_FAILED) == (page == 1);
			p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
			ok = ok && p != MAP_FAILED &&
			     (mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0) == (page == 1);
			ok = ok && open(path, O_RDWR) < 0;
			ok = ok && ftruncate(fd, 0) < 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0;
		}
		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	admission_table_free(t);
}
END_TEST

static unsigned admitted(struct admission *a, const char *network, unsigned clients, unsigned limit)
{
	unsigned count = 0;
	for (unsigned i = 0; i < clients; i++) {
		union client c = client(network);
		c.v4.sin_addr.s_addr += htonl(i);
		if (admission_enter(a, &c.any, limit)) {
			count++;
			admission_leave(a, &c.any);
		}
	}
	return count;
}

START_TEST(nonsense_counts_for_nothing)
{
	static const uint32_t nonsense[] = {UINT32_MAX, INT32_MAX, 100, 3};
	struct admission_table *t = table(3);
	struct admission *b = worker(t, 1, 3), *c = worker(t, 2, 3);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		scribble(t, 0, nonsense[i]);
		ck_assert_uint_eq(admitted(b, "10.0.0.0", 3000, 2), 3000);
		ck_assert_uint_eq(admitted(c, "10.1.0.0", 3000, 2), 3000);
		admission_table_clear(t, 0);
	}
	/* What the honest say counts all the while. */
	union client one = client("192.0.2.1");
	scribble(t, 0, UINT32_MAX);
	ck_assert(admission_enter(b, &one.any, 2));
	ck_assert(admission_enter(c, &one.any, 2));
	ck_assert(!admission_enter(b, &one.any, 2));
	ck_assert(!admission_enter(c, &one.any, 2));
	admission_free(b);
	admission_free(c);
	admission_table_free(t);
}
END_TEST

/* It stays so however the page looks later, until the worker is started anew: else one would say
 * what is sane whenever somebody looks. */
START_TEST(a_new_life_is_believed_again)
{
	struct admission_table *t = table(2);
	struct admission *b = worker(t, 1, 2);
	union client one = client("192.0.2.1");
	scribble(t, 0, UINT32_MAX);
	ck_assert(admission_enter(b, &one.any, 2));
	scribble(t, 0, 1); /* 8192 in all: it may have so many */
	ck_assert(admission_enter(b, &one.any, 2));
	ck_assert(!admission_enter(b, &one.any, 2));
	admission_table_clear(t, 0);
	struct admission *a = worker(t, 0, 2);
	ck_assert(!admission_enter(a, &one.any, 2));
	admission_leave(b, &one.any);
	ck_assert(admission_enter(a, &one.any, 2));
	ck_assert(!admission_enter(b, &one.any, 2));
	/* And this life can go wrong, too. */
	scribble(t, 0, UINT32_MAX);
	unsigned got = 0;
	for (int i = 0; i < 32; i++)
		got += admission_enter(b, &one.any, 2);
	ck_assert_uint_eq(got, 1);
	admission_free(a);
	admission_free(b);
	admission_table_free(t);
}
END_TEST

START_TEST(what_a_worker_may_have_counts)
{
	struct admission_table *t = admission_table_new(2, 1000);
	struct admission *a = worker(t, 0, 2), *b = worker(t, 1, 2);
	union client one = client("192.0.2.1");
	for (int i = 0; i < 1000; i++)
		ck_assert(admission_enter(a, &one.any, 0));
	for (int i = 0; i < 40; i++)
		ck_assert(!admission_enter(b, &one.any, 100));
	/* A reload allows more; one that allows fewer does not make liars of those who have them.
	 */
	admission_table_allow(t, 3000);
	admission_table_allow(t, 10);
	for (int i = 0; i < 2000; i++)
		ck_assert(admission_enter(a, &one.any, 0));
	for (int i = 0; i < 40; i++)
		ck_assert(!admission_enter(b, &one.any, 100));
	for (int i = 0; i < 6000; i++)
		ck_assert(admission_enter(a, &one.any, 0));
	ck_assert_uint_eq(admitted(b, "192.0.2.1", 100, 100), 100);
	admission_free(a);
	admission_free(b);
	admission_table_free(t);
}
END_TEST

START_TEST(processes_share_it)
{
	struct admission_table *t = table(2);
	struct admission *a = worker(t, 0, 2);
	union client c = client("192.0.2.1");
	int status;
	pid_t child = fork();
	if (child == 0) {
		struct admission *b = worker(t, 1, 2);
		_exit(admission_enter(b, &c.any, 1) ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(!admission_enter(a, &c.any, 1));
	ck_assert_uint_eq(admission_count(a), 0);
	admission_free(a);
	admission_table_free(t);
}
END_TEST

UNIT_MAIN("admission", the_limit_is_for_all_workers_together, a_dead_workers_counts_go_with_it,
    an_ipv6_client_is_its_network, a_local_client_has_no_limit, many_clients_do_not_crowd_one_out,
    only_a_page_is_taken, a_worker_writes_its_own_page_only, nonsense_counts_for_nothing,
    a_new_life_is_believed_again, what_a_worker_may_have_counts, processes_share_it)
