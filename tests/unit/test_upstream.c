/* SPDX-License-Identifier: ISC
 *
 * What the configuration means to libunbound, and the watchdog over it.
 */
#include "common/loop.h"
#include "resolver/upstream.h"
#include "resolver/watchdog.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

START_TEST(forwarders)
{
	static const struct {
		const char *text;
		const char *address; /* NULL: it is none */
		uint16_t port;
	} cases[] = {
	    {"192.0.2.1", "192.0.2.1@53", 53},
	    {"192.0.2.1:5353", "192.0.2.1@5353", 5353},
	    {"2001:db8::1", "2001:db8::1@53", 53},
	    {"[2001:db8::1]", "2001:db8::1@53", 53},
	    {"[2001:db8::1]:65535", "2001:db8::1@65535", 65535},
	    {.text = ""},
	    {.text = "192.0.2"},
	    {.text = "192.0.2.1:"},
	    {.text = "192.0.2.1:0"},
	    {.text = "192.0.2.1:65536"},
	    {.text = "192.0.2.1:53x"},
	    {.text = "192.0.2.1@53"},
	    {.text = "[2001:db8::1"},
	    {.text = "["},
	    {.text = "[]"},
	    {.text = "[2001:db8::1]53"},
	    {.text = "[2001:db8::1]:"},
	    {.text = "[2001:db8::1%eth0]"},
	    {.text = "dns.example"},
	    {.text = "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111"},
	};
	char address[UPSTREAM_ADDRESS_SIZE];
	uint16_t port;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = upstream_forwarder(cases[i].text, address, &port);
		ck_assert_msg(good == (cases[i].address != NULL), "%s", cases[i].text);
		if (!good)
			continue;
		ck_assert_str_eq(address, cases[i].address);
		ck_assert_uint_eq(port, cases[i].port);
	}
}
END_TEST

static unsigned answers;

static void on_answer(uint32_t cookie, const struct answer_input *input)
{
	(void)input;
	ck_assert_uint_eq(cookie, 7);
	answers++;
}

/* "localhost" is a name that libunbound knows by itself; nothing leaves this program. */
START_TEST(made_asked_and_freed)
{
	char v4[] = "127.0.0.1:1", v6[] = "[::1]:1", *list[] = {v4, v6};
	struct conf_resolver conf = {.validate = true, .timeout = 15, .cache_size = 1 << 20};
	const struct anchor anchor = {.directory = NULL};
	struct question q;
	ck_assert(question_host(RR_A, STR("localhost"), &q));
	for (size_t i = 0; i < 4; i++) {
		conf.validate = i % 2 == 0;
		conf.forwarders = (struct conf_name_list){list, i < 2 ? 2 : 0};
		struct upstream *u = upstream_new(&conf, &anchor, on_answer);
		ck_assert_ptr_nonnull(u);
		ck_assert(upstream_ask(u, &q, 7));
		ck_assert_uint_eq(answers, i + 1);
		upstream_free(u);
	}
	upstream_free(NULL);
}
END_TEST

START_TEST(what_cannot_be)
{
	char nowhere[] = "nowhere", file[] = "root.key", *list[] = {nowhere};
	char directory[] = "/tmp/postern-anchor-XXXXXX";
	const struct conf_resolver good = {.validate = true, .timeout = 15, .cache_size = 1 << 20};
	struct conf_resolver bad = good;
	bad.forwarders = (struct conf_name_list){list, 1};
	const struct anchor built_in = {.directory = NULL};
	ck_assert_ptr_null(upstream_new(&bad, &built_in, on_answer));
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	const struct anchor missing = {.directory = directory, .file = file};
	ck_assert_ptr_null(upstream_new(&good, &missing, on_answer));
	const struct anchor missing_too = {.directory = directory, .file = file, .writable = true};
	ck_assert_ptr_null(upstream_new(&good, &missing_too, on_answer));
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(the_same_anchor)
{
	char directory[] = "/var/dns", file[] = "root.key";
	const struct anchor built_in = {.directory = NULL};
	const struct anchor own = {.directory = directory, .file = file};
	static const struct {
		const char *path;
		bool built_in, own;
	} cases[] = {
	    {NULL, true, false},
	    {"/var/dns/root.key", false, true},
	    {"/var/dns/root.key2", false, false},
	    {"/var/dns/root.ke", false, false},
	    {"/var/dns2/root.key", false, false},
	    {"/var/dns", false, false},
	    {"/", false, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = cases[i].path == NULL ? NULL : strdup(cases[i].path);
		struct conf_resolver conf = {.validate = true, .trust_anchor = path};
		ck_assert_int_eq(anchor_is_same(&built_in, &conf), cases[i].built_in);
		ck_assert_int_eq(anchor_is_same(&own, &conf), cases[i].own);
		conf.validate = false; /* it is not used at all */
		ck_assert(anchor_is_same(&built_in, &conf) && anchor_is_same(&own, &conf));
		free(path);
	}
}
END_TEST

/* --- The watchdog --- */

static uint64_t cpu_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* How a program ends that works for so many intervals, and says so to the watchdog or not. */
static int end_of(bool alive)
{
	enum { INTERVAL_MS = 20, INTERVALS = 40 };
	int status;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		watchdog_start(INTERVAL_MS);
		for (uint64_t end = cpu_ms() + INTERVALS * INTERVAL_MS; cpu_ms() < end;)
			if (alive)
				watchdog_alive();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(too_long_away_from_the_loop)
{
	ck_assert_int_eq(end_of(false), WATCHDOG_EXIT);
	ck_assert_int_eq(end_of(true), 0);
}
END_TEST

UNIT_MAIN("upstream", forwarders, made_asked_and_freed, what_cannot_be, the_same_anchor,
    too_long_away_from_the_loop)
