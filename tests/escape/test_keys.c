/* SPDX-License-Identifier: ISC
 *
 * keys, the real one with two private keys at work in its jail, asked for what it has by smtpd and
 * pop3d that were taken over. It signs digests; nothing that was ever heard from it, over any edge
 * and after any question, is a private key, another service's ticket keys, or a descriptor.
 */
#include "common/answers.h"
#include "common/mem.h"
#include "common/msg-keys.h"
#include "common/msg-supervision.h"
#include "common/tls-scheme.h"
#include "common/tls-service.h"
#include "tests/escape/speak.h"
#include "tests/escape/stage.h"
#include "tests/unit/self-signed.h"
#include "tests/unit/unit.h"

#include <check.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	PATIENCE_MS = 20 * 1000,
	PACKET = 256 * 1024,
	HEARD_MAX = 64 * 1024 * 1024,
	ID_IDENTITIES = 1,
	ID_IDENTITY = 2,
	ID_TICKET_KEYS = 3,
	ID_SIGN = 4,
	ID_SIGNATURE = 5,
	SIGN_PER_SECOND = 2000, /* SERVER_SIGN_PER_SECOND of keys/server.h */
};

static struct stage stage;
static struct self_signed pairs[4]; /* EC, RSA, of no listener, of both */
static struct buf heard = BUF_INIT(HEARD_MAX), packet = BUF_INIT(PACKET);
static struct pool *pool;
static uint32_t identities[2];
/* The same, and those of the other two: what each edge may show, told on any. */
enum { IDS = 4 };
static uint32_t ids[IDS];

/* ---- a peer ------------------------------------------------------------------------ */

static int peer(enum edge_id edge, unsigned instance)
{
	int pair[2];
	const struct msg_peer m = {.edge = (uint8_t)edge, .instance = (uint16_t)instance};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert(msg_peer_send(stage.programs[PROGRAM_keys].control, &m, &pair[1]));
	close(pair[1]);
	speak_greeting(edge, false, &packet);
	ck_assert_int_gt(send(pair[0], buf_data(&packet), buf_len(&packet), MSG_NOSIGNAL), 0);
	return pair[0];
}

/* The next packet; its number in the table, 0 for the greeting, -1 for the end. */
static int hear(int fd, struct wire_reader *r)
{
	static uint8_t octets[PACKET];
	char control[CMSG_SPACE(sizeof(int) * 8)];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct iovec iov = {.iov_base = octets, .iov_len = sizeof(octets)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};
	ck_assert_msg(poll(&p, 1, PATIENCE_MS) == 1, "keys says nothing");
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	ck_assert_msg(msg.msg_controllen == 0 || n <= 0, "keys gives a descriptor away");
	if (n <= 0)
		return -1;
	ck_assert(buf_append(&heard, octets, (size_t)n));
	*r = (struct wire_reader){.p = octets, .n = (size_t)n, .pool = pool};
	return wire_get_u16(r);
}

/* Goes over what is of no interest; false: the channel is closed. */
static bool hear_one(int fd, int id, struct wire_reader *r)
{
	int is;
	while ((is = hear(fd, r)) >= 0)
		if (is == id)
			return true;
	return false;
}

static void say(int fd)
{
	send(fd, buf_data(&packet), buf_len(&packet), MSG_NOSIGNAL);
}

static void ask(int fd, uint32_t identity, uint16_t scheme, struct str digest)
{
	const struct msg_sign m = {.identity = identity, .scheme = scheme, .digest = digest};
	struct wire_writer w = {.buf = &packet};
	buf_reset(&packet);
	wire_put_u16(&w, ID_SIGN);
	msg_sign_put(&w, &m);
	say(fd);
}

/* The signature's octets; 0: it will not, or the channel is closed. */
static size_t signature(int fd, bool *closed)
{
	struct wire_reader r;
	struct msg_signature m = {.cookie = 0};
	*closed = !hear_one(fd, ID_SIGNATURE, &r);
	if (!*closed)
		msg_signature_get(&r, &m);
	return m.octets.n;
}

static void until_closed(int fd)
{
	struct wire_reader r;
	while (hear(fd, &r) >= 0)
		continue;
	close(fd);
}

/* ---- keys, with keys ----------------------------------------------------------------- */

static int file_of(const char *text)
{
	int fd = memfd_create("pem", MFD_CLOEXEC);
	ck_assert_int_gt(dprintf(fd, "%s", text), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void give_pair(uint16_t number, const struct self_signed *pair)
{
	int fds[2] = {file_of(pair->certificate_text), file_of(pair->key_text)};
	const struct msg_key_pair m = {.number = number};
	ck_assert(msg_key_pair_send(stage.programs[PROGRAM_keys].control, &m, fds));
	close(fds[0]);
	close(fds[1]);
}

static const char *more = ""; /* sections */

/* Both pairs are known to all that ask from then on. */
static void begin(void)
{
	struct wire_reader r;
	static char text[2048];
	snprintf(text, sizeof(text),
	    "certificate \"ec.example\" { chain = \"ec.pem\" key = \"ec.key\" }\n"
	    "certificate \"rsa.example\" { chain = \"rsa.pem\" key = \"rsa.key\" }\n%s",
	    more);
	stage_conf_more = text;
	pool = pool_new(HEARD_MAX);
	stage_open(&stage, false);
	pairs[0] = self_signed_make("EC", "DNS:ec.example", 30);
	pairs[1] = self_signed_make("RSA", "DNS:rsa.example", 30);
	int fd = peer(EDGE_smtpd_keys, 0);
	give_pair(0, &pairs[0]);
	give_pair(1, &pairs[1]);
	while (identities[0] == 0 || identities[1] == 0) {
		struct msg_identity m;
		ck_assert(hear_one(fd, ID_IDENTITY, &r));
		msg_identity_get(&r, &m);
		ck_assert_uint_ge(m.names_count, 1);
		identities[str_eq(m.names[0].name, STR("rsa.example"))] = m.id;
	}
	close(fd);
}

/* Two more: deliver-remote's alone, and one that servers and clients are shown. */
static void begin_with_clients(void)
{
	static const char *const names[IDS] = {
	    "ec.example", "rsa.example", "own.example", "both.example"};
	static const enum edge_id telling[] = {EDGE_smtpd_keys, EDGE_remote_keys};
	struct wire_reader r;
	more =
	    "certificate \"own.example\" { chain = \"own.pem\" key = \"own.key\" use = client }\n"
	    "certificate \"both.example\" { chain = \"both.pem\" key = \"both.key\" }\n"
	    "relay own { host = \"a.example\" certificate = \"own.example\" }\n"
	    "relay both { host = \"b.example\" certificate = \"both.example\" }\n";
	begin();
	for (size_t i = 2; i < IDS; i++) {
		pairs[i] =
		    self_signed_make("EC", i == 2 ? "DNS:own.example" : "DNS:both.example", 30);
		give_pair((uint16_t)i, &pairs[i]);
	}
	for (size_t e = 0; e < sizeof(telling) / sizeof(telling[0]); e++) {
		int fd = peer(telling[e], 0);
		while (ids[e == 0 ? 0 : 2] == 0 || ids[e == 0 ? 1 : 3] == 0) {
			struct msg_identity m;
			ck_assert(hear_one(fd, ID_IDENTITY, &r));
			msg_identity_get(&r, &m);
			for (size_t i = 0; i < IDS; i++)
				if (str_eq(m.names[0].name, str_from_cstr(names[i])))
					ids[i] = m.id;
		}
		close(fd);
	}
}

static bool was_heard(const void *what, size_t n)
{
	return memmem(buf_data(&heard), buf_len(&heard), what, n) != NULL;
}

/* A number of the key as it is in memory and in DER; and lines of its file. */
static void check_number(const EVP_PKEY *key, const char *name)
{
	BIGNUM *number = NULL;
	uint8_t octets[1024];
	ck_assert(EVP_PKEY_get_bn_param(key, name, &number));
	int n = BN_bn2bin(number, octets);
	ck_assert(!was_heard(octets, (size_t)n / 2));
	ck_assert(!was_heard(octets + n / 2, (size_t)n / 2));
	BN_bn2lebinpad(number, octets, n);
	ck_assert(!was_heard(octets, (size_t)n / 2));
	BN_free(number);
}

static void end(void)
{
	enum { LINE = 32 };
	ck_assert_uint_gt(buf_len(&heard), 0);
	check_number(pairs[0].key, OSSL_PKEY_PARAM_PRIV_KEY);
	for (size_t i = 2; i < 4 && pairs[i].key != NULL; i++)
		check_number(pairs[i].key, OSSL_PKEY_PARAM_PRIV_KEY);
	check_number(pairs[1].key, OSSL_PKEY_PARAM_RSA_D);
	check_number(pairs[1].key, OSSL_PKEY_PARAM_RSA_FACTOR1);
	check_number(pairs[1].key, OSSL_PKEY_PARAM_RSA_FACTOR2);
	for (size_t i = 0; i < 4 && pairs[i].key != NULL; i++) {
		const char *body = strchr(pairs[i].key_text, '\n') + 1;
		ck_assert(!was_heard(body + LINE, LINE));
		self_signed_free(&pairs[i]);
	}
	stage_close(&stage);
	pool_free(pool);
}

/* ---- tests ------------------------------------------------------------------------------ */

static const char digest_of[DIGEST_MAX] = "what a digest might be";

static struct str octets(size_t n)
{
	return str_from(digest_of, n);
}

/* Who is no smtpd or pop3d with a handshake under way gets what one gets: a signature of a digest.
 */
START_TEST(signatures)
{
	bool closed;
	begin();
	int fd = peer(EDGE_smtpd_keys, 0);
	ask(fd, identities[0], 0x0403, octets(32));
	size_t n = signature(fd, &closed);
	ck_assert(n > 64 && n < 80 && !closed);
	ask(fd, identities[1], 0x0804, octets(32));
	ck_assert_uint_eq(signature(fd, &closed), 256);
	/* of no such certificate; by a scheme of another kind of key */
	const uint32_t strangers[] = {0, identities[1] + 1, identities[1] + 1000, UINT32_MAX};
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		ask(fd, strangers[i], 0x0403, octets(32));
		ck_assert(signature(fd, &closed) == 0 && !closed);
	}
	ask(fd, identities[0], 0x0804, octets(32));
	ck_assert(signature(fd, &closed) == 0 && !closed);
	ask(fd, identities[1], 0x0403, octets(32));
	ck_assert(signature(fd, &closed) == 0 && !closed);
	close(fd);
	end();
}
END_TEST

/* A text, a file, a hash of another length, nothing at all: each costs the channel. */
START_TEST(no_digests)
{
	static const uint16_t codes[] = {
	    0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806};
	begin();
	for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
		const struct tls_scheme *scheme = tls_scheme_find(codes[c]);
		for (size_t n = 0; n <= DIGEST_MAX; n += unit_wants_few_rounds() ? 16 : 1) {
			if (n == scheme->digest)
				continue;
			int fd = peer(c % 2 == 0 ? EDGE_smtpd_keys : EDGE_pop3d_keys, 0);
			ask(fd, identities[codes[c] % 16 != 3], codes[c], octets(n));
			until_closed(fd);
		}
	}
	end();
}
END_TEST

/* Schemes that sign no digest, a digest that is none any more, or are none. */
START_TEST(other_schemes)
{
	static const uint16_t codes[] = {0, 1, 0x0101, 0x0201, 0x0203, 0x0301, 0x0303, 0x0402,
	    0x0602, 0x0707, 0x0708, 0x0800, 0x0803, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0904,
	    0xfe00, 0xffff};
	begin();
	for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++)
		for (size_t n = 0; n <= DIGEST_MAX; n += 16) {
			int fd = peer(EDGE_smtpd_keys, 0);
			ask(fd, identities[c % 2], codes[c], octets(n));
			until_closed(fd);
		}
	end();
}
END_TEST

/* keys' own messages, said to it; random ones of every kind after those. */
START_TEST(wrong_questions)
{
	unsigned descriptors;
	begin();
	speak_seed(7);
	for (int i = 0; i < 100; i++) {
		int fd = peer(EDGE_smtpd_keys, 0);
		ck_assert(speak_message(EDGE_smtpd_keys, false, &packet, &descriptors));
		say(fd);
		until_closed(fd);
	}
	for (int i = 0; i < 300; i++) {
		int fd = peer(i % 2 == 0 ? EDGE_smtpd_keys : EDGE_pop3d_keys, 0);
		ck_assert(speak_message(EDGE_smtpd_keys, true, &packet, &descriptors));
		buf_data(&packet)[speak_random((uint32_t)buf_len(&packet))] ^=
		    (uint8_t)(1 + speak_random(255));
		say(fd);
		shutdown(fd, SHUT_WR);
		until_closed(fd);
	}
	end();
}
END_TEST

static void take_tickets(int fd, unsigned count, unsigned allowed, struct buf *keys)
{
	struct wire_reader r;
	for (unsigned i = 0; i < count; i++) {
		struct msg_ticket_keys m;
		ck_assert(hear_one(fd, ID_TICKET_KEYS, &r));
		msg_ticket_keys_get(&r, &m);
		ck_assert_msg(allowed & 1U << m.service, "ticket keys of service %u", m.service);
		for (size_t k = 0; k < m.keys_count; k++) {
			ck_assert(buf_append(keys, m.keys[k].aes.p, m.keys[k].aes.n));
			ck_assert(buf_append(keys, m.keys[k].hmac.p, m.keys[k].hmac.n));
		}
	}
}

/* Each edge hears of its own services' ticket keys, and whatever it says, of no other's. */
START_TEST(ticket_keys)
{
	struct buf smtp = BUF_INIT(PACKET), pop3 = BUF_INIT(PACKET);
	bool closed;
	begin();
	size_t before = buf_len(&heard);
	int fd = peer(EDGE_smtpd_keys, 0);
	take_tickets(fd, 2, 1U << TLS_SERVICE_SMTP | 1U << TLS_SERVICE_SUBMISSION, &smtp);
	ask(fd, identities[0], 0x0403, octets(32));
	ck_assert_uint_gt(signature(fd, &closed), 0);
	close(fd);
	size_t end_of_smtp = buf_len(&heard);
	fd = peer(EDGE_pop3d_keys, 0);
	take_tickets(fd, 1, 1U << TLS_SERVICE_POP3, &pop3);
	close(fd);
	ck_assert(buf_len(&pop3) >= 2 * TICKET_KEY_SIZE && buf_len(&smtp) > buf_len(&pop3));
	for (size_t at = 0; at < buf_len(&pop3); at += TICKET_KEY_SIZE)
		ck_assert_ptr_null(memmem(buf_data(&heard) + before, end_of_smtp - before,
		    buf_data(&pop3) + at, TICKET_KEY_SIZE));
	buf_release(&smtp);
	buf_release(&pop3);
	end();
}
END_TEST

/* Who shows certificates to servers hears of none that are for listeners, nor of ticket keys, and
 * has nothing signed with those. */
START_TEST(who_sends_to_other_servers)
{
	struct wire_reader r;
	struct msg_signature m;
	unsigned refused = 0;
	int id;
	begin();
	int fd = peer(EDGE_remote_keys, 0);
	ask(fd, identities[0], 0x0403, octets(32));
	ask(fd, identities[1], 0x0804, octets(32));
	shutdown(fd, SHUT_WR);
	while ((id = hear(fd, &r)) >= 0) {
		ck_assert_int_ne(id, ID_IDENTITY);
		ck_assert_int_ne(id, ID_TICKET_KEYS);
		if (id != ID_SIGNATURE)
			continue;
		msg_signature_get(&r, &m);
		ck_assert_uint_eq(m.octets.n, 0);
		refused++;
	}
	ck_assert_uint_eq(refused, 2);
	close(fd);
	end();
}
END_TEST

/* ---- each edge its own ------------------------------------------------------------------- */

static const struct {
	enum edge_id edge;
	bool may[IDS]; /* show it */
} showing[] = {
    {EDGE_smtpd_keys, {true, true, false, true}},
    {EDGE_pop3d_keys, {true, true, false, true}},
    {EDGE_remote_keys, {false, false, true, true}},
};
enum { SHOWING = sizeof(showing) / sizeof(showing[0]) };

static uint16_t scheme_of(size_t identity)
{
	return identity == 1 ? 0x0804 : 0x0403;
}

/* Whatever it asks for: it hears of what is its own to show, and nothing else is signed for. */
START_TEST(only_the_identities_of_the_edge)
{
	bool closed, told[IDS] = {false};
	struct wire_reader r;
	begin_with_clients();
	int fd = peer(showing[_i].edge, 1);
	for (int is; (is = hear(fd, &r)) != ID_IDENTITIES;)
		ck_assert_int_ge(is, 0);
	for (size_t n = wire_get_u16(&r); n > 0; n--) {
		struct msg_identity m;
		ck_assert(hear_one(fd, ID_IDENTITY, &r));
		msg_identity_get(&r, &m);
		for (size_t i = 0; i < IDS; i++)
			told[i] = told[i] || m.id == ids[i];
	}
	for (size_t i = 0; i < IDS; i++) {
		ck_assert_msg(told[i] == showing[_i].may[i], "told of %zu", i);
		ask(fd, ids[i], scheme_of(i), octets(32));
		size_t n = signature(fd, &closed);
		ck_assert(!closed);
		ck_assert_msg((n > 0) == showing[_i].may[i], "%zu octets for %zu", n, i);
	}
	ask(fd, UINT32_MAX, 0x0403, octets(32));
	ck_assert(signature(fd, &closed) == 0 && !closed);
	close(fd);
	end();
}
END_TEST

/* What costs others the channel costs deliver-remote its own. */
START_TEST(no_digests_of_clients)
{
	static const size_t sizes[] = {0, 1, 20, 31, 33, 48, DIGEST_MAX};
	static const uint16_t none[] = {0, 0x0201, 0x0807, 0xffff};
	bool closed;
	begin_with_clients();
	int other = peer(EDGE_remote_keys, 1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = peer(EDGE_remote_keys, 0);
		ask(fd, ids[2], 0x0403, octets(sizes[i]));
		until_closed(fd);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		int fd = peer(EDGE_remote_keys, 0);
		ask(fd, ids[2], none[i], octets(32));
		until_closed(fd);
	}
	ask(other, ids[2], 0x0403, octets(32));
	ck_assert(signature(other, &closed) > 0 && !closed);
	close(other);
	end();
}
END_TEST

static double seconds_since(const struct timespec *then)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static const struct {
	enum edge_id edge, other;
} floods[] = {{EDGE_smtpd_keys, EDGE_pop3d_keys}, {EDGE_remote_keys, EDGE_smtpd_keys}};

/* A flood gets no more than the rate allows, and the other program its signature all the same. */
START_TEST(flood)
{
	enum { FLOOD = 3 * SIGN_PER_SECOND, BATCH = 50 };
	struct timespec start;
	unsigned given = 0;
	bool closed = false, other_closed;
	begin_with_clients();
	int fd = peer(floods[_i].edge, 0), other = peer(floods[_i].other, 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned i = 0; i < FLOOD && !closed; i += BATCH) {
		for (unsigned k = 0; k < BATCH; k++)
			ask(fd, ids[3], 0x0403, octets(32));
		if (i == FLOOD / 2) {
			ask(other, ids[3], 0x0403, octets(32));
			ck_assert_uint_gt(signature(other, &other_closed), 0);
		}
		for (unsigned k = 0; k < BATCH && !closed; k++)
			given += signature(fd, &closed) > 0;
	}
	/* Its seconds begin when its clock says so: one more may have begun on either side. */
	double bound = SIGN_PER_SECOND * (seconds_since(&start) + 2);
	ck_assert(!closed && given > 0);
	ck_assert_msg(given <= bound, "%u signatures", given);
	close(fd);
	close(other);
	end();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("keys");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, signatures);
	tcase_add_test(tc, no_digests);
	tcase_add_test(tc, other_schemes);
	tcase_add_test(tc, wrong_questions);
	tcase_add_test(tc, ticket_keys);
	tcase_add_test(tc, who_sends_to_other_servers);
	tcase_add_loop_test(tc, only_the_identities_of_the_edge, 0, SHOWING);
	tcase_add_test(tc, no_digests_of_clients);
	tcase_add_loop_test(tc, flood, 0, 2);
	return unit_run_case("keys", tc);
}
