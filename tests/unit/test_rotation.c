/* SPDX-License-Identifier: ISC
 *
 * Keys of session tickets over the hours: the real main of keys, without its jail and its control,
 * and with timers that are due when the test says so. That a ticket is good for as long as its
 * keys are there is test_tls's.
 */
#include "common/answers.h"
#include "common/msg-keys.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

int keys_main(int argc, char **argv);
#define main keys_main
#include "keys/main.c" // NOLINT: it is what is tried
#undef main

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 4 };

void __real_loop_timer_start(struct event *timer, uint64_t ms); // NOLINT: the linker's name
void __wrap_loop_timer_start(struct event *timer, uint64_t ms); // NOLINT: the same

static struct service keys;
static struct event *four_hours;
static unsigned starts;

void __wrap_loop_timer_start(struct event *timer, uint64_t ms) // NOLINT: the same
{
	if (ms == TICKETS_ROTATE_MS) {
		four_hours = timer;
		starts++;
	}
	__real_loop_timer_start(timer, ms);
}

int service_main(struct service *self, int argc, char **argv)
{
	static const struct conf none;
	(void)argc;
	(void)argv;
	keys = *self;
	self->before_jail(self, &none);
	self->in_jail(&none);
	return 0;
}

/* Who was told of which services, how often, and what last. */
static struct told {
	struct channel *channel;
	enum edge_id edge;
	unsigned times[TLS_SERVICES];
	size_t count[TLS_SERVICES];
	uint8_t names[TLS_SERVICES][2][TICKET_KEY_NAME_SIZE];
	uint8_t secrets[TLS_SERVICES][2][TICKET_KEY_SIZE];
} peers_told[PEERS] = {{.edge = EDGE_smtpd_keys}, {.edge = EDGE_smtpd_keys},
    {.edge = EDGE_pop3d_keys}, {.edge = EDGE_remote_keys}};

static bool on_ticket_keys(void *ctx, const struct msg_ticket_keys *m, int *fds)
{
	struct told *t = ctx;
	(void)fds;
	ck_assert_uint_lt(m->service, TLS_SERVICES);
	t->times[m->service]++;
	t->count[m->service] = m->keys_count;
	for (size_t i = 0; i < m->keys_count; i++) {
		ck_assert_uint_eq(m->keys[i].name.n, TICKET_KEY_NAME_SIZE);
		ck_assert_uint_eq(m->keys[i].aes.n, TICKET_KEY_SIZE);
		memcpy(t->names[m->service][i], m->keys[i].name.p, TICKET_KEY_NAME_SIZE);
		memcpy(t->secrets[m->service][i], m->keys[i].aes.p, TICKET_KEY_SIZE);
	}
	return true;
}

static bool on_identities(void *ctx, const struct msg_identities *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	return true;
}

static const struct keys_client_handlers peer_handlers = {
    .ticket_keys = on_ticket_keys, .identities = on_identities};

static void on_lost(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	channel_free(channel);
	ck_abort_msg("keys is lost: %s", why);
}

static void begin(void)
{
	ck_assert_int_eq(keys_main(0, NULL), 0);
	ck_assert_uint_eq(starts, 1);
	for (unsigned i = 0; i < PEERS; i++) {
		int fds[2];
		ck_assert_int_eq(
		    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
		keys.on_peer(peers_told[i].edge, i % 2, fds[0]);
		peers_told[i].channel =
		    channel_new(fds[1], &keys_client, &peer_handlers, &peers_told[i], on_lost);
	}
	unit_settle();
}

static void let_four_hours_pass(void)
{
	event_active(four_hours, EV_TIMEOUT, 0);
	unit_settle();
}

static bool is_of(const struct told *t, unsigned service)
{
	bool smtp = service == TLS_SERVICE_SMTP || service == TLS_SERVICE_SUBMISSION;
	return (t->edge == EDGE_smtpd_keys && smtp) ||
	       (t->edge == EDGE_pop3d_keys && service == TLS_SERVICE_POP3);
}

/* Every worker is told, and all of a service the same; the timer is set again. */
START_TEST(all_are_told_of_new_ones)
{
	begin();
	for (unsigned n = 1; n <= 4; n++) {
		for (unsigned i = 0; i < PEERS; i++)
			for (unsigned s = 0; s < TLS_SERVICES; s++)
				ck_assert_uint_eq(
				    peers_told[i].times[s], is_of(&peers_told[i], s) ? n : 0);
		ck_assert_mem_eq(
		    peers_told[0].secrets, peers_told[1].secrets, sizeof(peers_told[0].secrets));
		ck_assert_uint_eq(starts, n);
		let_four_hours_pass();
	}
}
END_TEST

/* What was current is kept for one period, behind the new one, and not for two. */
START_TEST(the_old_are_kept_for_one_period)
{
	enum { AT = TLS_SERVICE_SMTP };
	struct told *t = &peers_told[0];
	uint8_t name[TICKET_KEY_NAME_SIZE], secret[TICKET_KEY_SIZE];
	begin();
	ck_assert_uint_eq(t->count[AT], 1);
	memcpy(name, t->names[AT][0], sizeof(name));
	memcpy(secret, t->secrets[AT][0], sizeof(secret));
	let_four_hours_pass();
	ck_assert_uint_eq(t->count[AT], 2);
	ck_assert_mem_ne(t->names[AT][0], name, sizeof(name));
	ck_assert_mem_ne(t->secrets[AT][0], secret, sizeof(secret));
	ck_assert_mem_eq(t->names[AT][1], name, sizeof(name));
	ck_assert_mem_eq(t->secrets[AT][1], secret, sizeof(secret));
	let_four_hours_pass();
	ck_assert_uint_eq(t->count[AT], 2);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_mem_ne(t->names[AT][i], name, sizeof(name));
		ck_assert_mem_ne(t->secrets[AT][i], secret, sizeof(secret));
	}
}
END_TEST

UNIT_MAIN("rotation", all_are_told_of_new_ones, the_old_are_kept_for_one_period)
