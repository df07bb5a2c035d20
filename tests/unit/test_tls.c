/* SPDX-License-Identifier: ISC
 *
 * TLS of the services against OpenSSL's client, with the program keys at the other end of
 * a socket pair: all of it in one process and one loop, so that each moment can be chosen.
 */
#include "common/tls-keys.h"
#include "common/tls-stream.h"
#include "keys/server.h"
#include "keys/tickets.h"
#include "keys/vault.h"
#include "tests/unit/self-signed.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The clock of the whole test program; 0: the real one. */
static uint64_t clock_ms;
uint64_t __real_loop_now_ms(void);
uint64_t __wrap_loop_now_ms(void);

uint64_t __wrap_loop_now_ms(void)
{
	return clock_ms != 0 ? clock_ms : __real_loop_now_ms();
}

/* How far the wall clock is ahead of the real one. */
static uint64_t wall_ahead_ms;
uint64_t __real_loop_wall_ms(void);
uint64_t __wrap_loop_wall_ms(void);

uint64_t __wrap_loop_wall_ms(void)
{
	return __real_loop_wall_ms() + wall_ahead_ms;
}

enum { ROUNDS = 200 };
#define DAY_MS (UINT64_C(24) * 3600 * 1000)

/* ---- keys ------------------------------------------------------------------------ */

static char site_name[] = "mx.example", other_name[] = "other.example", path[] = "/x",
	    rsa_path[] = "/y", client_name[] = "client.example";
static struct conf_certificate rows[] = {
    {.name = site_name, .chain = path, .key = path},
    {.name = site_name, .chain = rsa_path, .key = rsa_path},
    {.name = other_name, .chain = path, .key = path},
    {.name = client_name, .chain = path, .key = path, .client_only = true, .is_client = true},
};
static struct conf conf = {.certificates = rows, .certificate_count = 3};
static unsigned changes;

static void on_changed(void)
{
	tls_services_refresh();
	changes++;
}

static int memory(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void take(const struct conf_certificate *row, const char *kind, const char *names)
{
	struct self_signed s = self_signed_make(kind, names, 30);
	ck_assert(vault_take(row, memory(s.certificate_text), memory(s.key_text), 1, &(struct key_verdict){.refused = false}));
	self_signed_free(&s);
}

/* `keys_end` stays the test's when it is not NULL: nobody answers then. */
static void wire(int *keys_end)
{
	int ends[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	tls_keys_connect(ends[0]);
	if (keys_end == NULL)
		server_peer(EDGE_smtpd_keys, 0, ends[1]);
	else
		*keys_end = ends[1];
}

static void begin(void)
{
	tls_keys_setup(on_changed);
	tickets_rotate();
	server_set_conf(&conf);
	wire(NULL);
	unit_settle();
	ck_assert(!tls_keys_are_known());
	ck_assert(tls_keys_are_awaited(CONF_TLS_STARTTLS));
	ck_assert(!tls_keys_are_awaited(CONF_TLS_NO));
	take(&rows[0], "EC", "DNS:mx.example,DNS:*.wild.example");
	take(&rows[1], "RSA", "DNS:mx.example");
	take(&rows[2], "EC", "DNS:other.example");
	server_publish();
	unit_settle();
	ck_assert(tls_keys_are_known());
	ck_assert(!tls_keys_are_awaited(CONF_TLS_STARTTLS));
	ck_assert(!tls_keys_are_awaited(CONF_TLS_IMPLICIT));
	ck_assert_uint_eq(changes, 1);
}

/* ---- a connection ---------------------------------------------------------------- */

struct link {
	SSL_CTX *ctx;
	SSL *client;
	int client_fd, server_fd;
	struct tls_stream *server;
	struct tls_facts facts;
	const char *why;
	unsigned signatures; /* that the server was told of */
	bool client_done, server_done, client_failed, server_failed, signing;
};

static void on_signed(void *ctx)
{
	struct link *l = ctx;
	l->signatures++;
	l->signing = false;
}

static void link_open(struct link *l, struct tls_service *service)
{
	int ends[2];
	*l = (struct link){.why = ""};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	l->client_fd = ends[0];
	l->server_fd = ends[1];
	l->ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_security_level(l->ctx, 0);
	l->client = SSL_new(l->ctx);
	SSL_set_fd(l->client, l->client_fd);
	SSL_set_connect_state(l->client);
	l->server = tls_stream_new(service, l->server_fd, on_signed, l);
	ck_assert_ptr_nonnull(l->server);
}

static void link_close(struct link *l)
{
	tls_stream_free(l->server);
	SSL_free(l->client);
	SSL_CTX_free(l->ctx);
	close(l->client_fd);
	close(l->server_fd);
}

static void step_client(struct link *l)
{
	int rc = SSL_do_handshake(l->client);
	l->client_done = rc == 1;
	int error = SSL_get_error(l->client, rc);
	l->client_failed = rc != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
	ERR_clear_error();
}

static void step_server(struct link *l)
{
	int rc = tls_stream_handshake(l->server, &l->facts, &l->why);
	l->server_done = rc == 1;
	if (l->server_done)
		tls_stream_take_bindings(l->server, &l->facts);
	l->server_failed = rc == TLS_FAILED;
	l->signing = rc == TLS_SIGNING;
}

static void step(struct link *l)
{
	if (!l->client_done && !l->client_failed)
		step_client(l);
	if (!l->server_done && !l->server_failed && !l->signing)
		step_server(l);
}

/* Until both are at an end; `signing` when keys does not answer. */
static void shake(struct link *l)
{
	for (int i = 0; i < ROUNDS; i++) {
		step(l);
		unit_settle();
	}
}

static void shake_well(struct link *l)
{
	shake(l);
	ck_assert_msg(l->client_done && l->server_done, "%s", l->why);
	ck_assert_uint_eq(l->signatures, l->facts.resumed ? 0 : 1);
}

static void say_something(struct link *l)
{
	char text[6] = "";
	ck_assert_int_eq(SSL_write(l->client, "hello", 5), 5);
	ck_assert_int_eq(tls_stream_read(l->server, text, sizeof(text)), 5);
	ck_assert_str_eq(text, "hello");
	ck_assert_int_eq(tls_stream_read(l->server, text, sizeof(text)), TLS_AGAIN);
	ck_assert_int_eq(tls_stream_write(l->server, "world", 5, false), 5);
	ck_assert_int_eq(SSL_read(l->client, text, 5), 5);
	ck_assert_str_eq(text, "world");
}

static bool shows(const struct link *l, const char *name)
{
	X509 *x = SSL_get0_peer_certificate(l->client);
	return x != NULL && X509_check_host(x, name, 0, 0, NULL) == 1;
}

static struct tls_service *smtp(void)
{
	return tls_service_get(TLS_SERVICE_SMTP, false);
}

/* ---- handshakes ------------------------------------------------------------------ */

static const struct {
	int version;
	const char *sigalgs;
	bool is_rsa;
} choices[] = {
    {TLS1_3_VERSION, NULL, false},
    {TLS1_3_VERSION, "ECDSA+SHA256", false},
    {TLS1_3_VERSION, "rsa_pss_rsae_sha256", true},
    {TLS1_3_VERSION, "rsa_pss_rsae_sha384", true},
    {TLS1_3_VERSION, "rsa_pss_rsae_sha512", true},
    {TLS1_2_VERSION, NULL, false},
    {TLS1_2_VERSION, "ECDSA+SHA384", false},
    {TLS1_2_VERSION, "ECDSA+SHA512", false},
    {TLS1_2_VERSION, "RSA+SHA256", true},
    {TLS1_2_VERSION, "RSA+SHA512", true},
    {TLS1_2_VERSION, "RSA-PSS+SHA256", true},
};

START_TEST(each_client_gets_the_key_that_it_can_use)
{
	begin();
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct link l;
		link_open(&l, smtp());
		SSL_set_min_proto_version(l.client, choices[i].version);
		SSL_set_max_proto_version(l.client, choices[i].version);
		if (choices[i].sigalgs != NULL)
			ck_assert_int_eq(SSL_set1_sigalgs_list(l.client, choices[i].sigalgs), 1);
		shake_well(&l);
		EVP_PKEY *shown = X509_get0_pubkey(SSL_get0_peer_certificate(l.client));
		ck_assert_msg(EVP_PKEY_is_a(shown, choices[i].is_rsa ? "RSA" : "EC"), "row %zu", i);
		bool v13 = choices[i].version == TLS1_3_VERSION;
		ck_assert_str_eq(l.facts.version, v13 ? "TLSv1.3" : "TLSv1.2");
		ck_assert_str_eq(l.facts.cipher, SSL_get_cipher_name(l.client));
		ck_assert(l.facts.has_exporter == v13);
		ck_assert((l.facts.unique_size > 0) == !v13);
		ck_assert_uint_eq(l.facts.endpoint_size, 32);
		ck_assert(!l.facts.has_peer);
		say_something(&l);
		link_close(&l);
	}
}
END_TEST

/* Both ends know the same (RFC 5929, RFC 9266). */
START_TEST(channel_bindings_are_the_clients)
{
	begin();
	for (int v13 = 0; v13 < 2; v13++) {
		struct link l;
		uint8_t own[64], digest[EVP_MAX_MD_SIZE];
		unsigned n;
		link_open(&l, smtp());
		SSL_set_max_proto_version(l.client, v13 ? TLS1_3_VERSION : TLS1_2_VERSION);
		shake_well(&l);
		if (v13) {
			SSL_export_keying_material(l.client, own, TLS_EXPORTER_SIZE,
			    "EXPORTER-Channel-Binding", 24, (const uint8_t *)"", 0, 1);
			ck_assert_mem_eq(own, l.facts.exporter, TLS_EXPORTER_SIZE);
		} else {
			ck_assert_uint_eq(
			    SSL_get_finished(l.client, own, sizeof(own)), l.facts.unique_size);
			ck_assert_mem_eq(own, l.facts.unique, l.facts.unique_size);
		}
		X509_digest(SSL_get0_peer_certificate(l.client), EVP_sha256(), digest, &n);
		ck_assert_uint_eq(n, l.facts.endpoint_size);
		ck_assert_mem_eq(digest, l.facts.endpoint, n);
		link_close(&l);
	}
}
END_TEST

static const struct {
	const char *asked;
	const char *shown;
} names[] = {
    {NULL, "mx.example"},
    {"mx.example", "mx.example"},
    {"OTHER.example", "other.example"},
    {"a.wild.example", "mx.example"},
    {"a.b.wild.example", "mx.example"},
    {"nobody.example", "mx.example"},
};

START_TEST(names_choose_certificates)
{
	begin();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct link l;
		link_open(&l, smtp());
		if (names[i].asked != NULL)
			SSL_set_tlsext_host_name(l.client, names[i].asked);
		shake_well(&l);
		ck_assert_msg(shows(&l, names[i].shown), "row %zu", i);
		ck_assert_str_eq(l.facts.server_name, names[i].asked == NULL ? "" : names[i].asked);
		link_close(&l);
	}
}
END_TEST

static const struct {
	enum tls_service_id service;
	const char *offer; /* as on the wire */
	bool good;
} offers[] = {
    {TLS_SERVICE_SMTP, "\4smtp", true},
    {TLS_SERVICE_SMTP, "\10http/1.1\4smtp", true},
    {TLS_SERVICE_SMTP, "\10http/1.1", false},
    {TLS_SERVICE_SMTP, "\2h2\10http/1.1", false},
    {TLS_SERVICE_SMTP, "\4pop3", false},
    {TLS_SERVICE_SMTP, "\5smtpx", false},
    {TLS_SERVICE_SUBMISSION, "\4smtp", true},
    {TLS_SERVICE_POP3, "\4pop3", true},
    {TLS_SERVICE_POP3, "\4smtp", false},
};

START_TEST(other_protocols_are_turned_away)
{
	begin();
	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		struct link l;
		link_open(&l, tls_service_get(offers[i].service, false));
		SSL_set_alpn_protos(
		    l.client, (const uint8_t *)offers[i].offer, (unsigned)strlen(offers[i].offer));
		shake(&l);
		ck_assert_msg(l.server_done == offers[i].good, "row %zu", i);
		ck_assert_msg(l.server_failed == !offers[i].good, "row %zu", i);
		link_close(&l);
	}
}
END_TEST

START_TEST(old_versions_are_turned_away)
{
	begin();
	struct link l;
	link_open(&l, smtp());
	SSL_set_cipher_list(l.client, "ALL:@SECLEVEL=0");
	SSL_set_max_proto_version(l.client, TLS1_1_VERSION);
	shake(&l);
	ck_assert(l.server_failed);
	ck_assert_str_eq(l.why, "unsupported protocol");
	link_close(&l);
}
END_TEST

START_TEST(nobody_renegotiates)
{
	begin();
	struct link l;
	char text[8];
	link_open(&l, smtp());
	SSL_set_max_proto_version(l.client, TLS1_2_VERSION);
	shake_well(&l);
	SSL_renegotiate(l.client);
	SSL_do_handshake(l.client);
	ck_assert_int_lt(tls_stream_read(l.server, text, sizeof(text)), 0);
	SSL_do_handshake(l.client);
	SSL_read(l.client, text, sizeof(text));
	ck_assert(SSL_num_renegotiations(l.client) == 0 || !SSL_is_init_finished(l.client));
	link_close(&l);
}
END_TEST

/* As many new keys as the client likes, in one piece. */
static void send_new_keys(struct link *l, unsigned count, int how)
{
	char *octets;
	BIO *out = BIO_new(BIO_s_mem());
	BIO *socket = SSL_get_wbio(l->client);
	BIO_up_ref(socket);
	SSL_set0_wbio(l->client, out);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(SSL_key_update(l->client, how), 1);
		ck_assert_int_eq(SSL_do_handshake(l->client), 1);
	}
	long n = BIO_get_mem_data(out, &octets);
	ck_assert_int_eq(write(l->client_fd, octets, (size_t)n), n);
	SSL_set0_wbio(l->client, socket);
}

START_TEST(new_keys_are_no_pastime)
{
	begin();
	struct link l;
	char text[8];
	int unread = 0;
	link_open(&l, smtp());
	shake_well(&l);
	send_new_keys(&l, TLS_LATE_MAX, SSL_KEY_UPDATE_REQUESTED);
	say_something(&l);
	send_new_keys(&l, 3000, SSL_KEY_UPDATE_NOT_REQUESTED);
	ck_assert_int_eq(tls_stream_read(l.server, text, sizeof(text)), TLS_FAILED);
	/* And it did not go through all of them first. */
	ck_assert_int_eq(ioctl(l.server_fd, FIONREAD, &unread), 0);
	ck_assert_int_gt(unread, 0);
	link_close(&l);
}
END_TEST

START_TEST(octets_in_clear_fail)
{
	begin();
	struct link l;
	link_open(&l, smtp());
	ck_assert_int_eq(write(l.client_fd, "EHLO x\r\nMAIL FROM:<>\r\n", 22), 22);
	step_server(&l);
	ck_assert(l.server_failed);
	link_close(&l);
}
END_TEST

/* ---- tickets --------------------------------------------------------------------- */

static SSL_SESSION *kept;

static const char *signatures_taken; /* NULL: any */
static struct tls_facts last_facts;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

/* Connects with the session that was kept, keeps the new one; whether it was resumed. */
static bool visit(struct tls_service *service, int version)
{
	struct link l;
	char text[8];
	link_open(&l, service);
	SSL_CTX_set_session_cache_mode(
	    l.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(l.ctx, keep_session);
	SSL_set_max_proto_version(l.client, version);
	if (signatures_taken != NULL)
		SSL_set1_sigalgs_list(l.client, signatures_taken);
	if (kept != NULL)
		SSL_set_session(l.client, kept);
	shake_well(&l);
	tls_stream_write(l.server, "220 x\r\n", 7, false);
	SSL_read(l.client, text, sizeof(text));
	bool resumed = l.facts.resumed;
	last_facts = l.facts;
	/* OpenSSL does not resume what was cut off. */
	SSL_set_shutdown(l.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	link_close(&l);
	return resumed;
}

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

START_TEST(tickets_are_of_one_service)
{
	begin();
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION_free(kept);
		kept = NULL;
		ck_assert(!visit(smtp(), versions[i]));
		ck_assert_ptr_nonnull(kept);
		ck_assert(visit(smtp(), versions[i]));
		ck_assert(!visit(tls_service_get(TLS_SERVICE_SUBMISSION, false), versions[i]));
		ck_assert(!visit(smtp(), versions[i]));
		/* Clients are asked for certificates there. */
		if (versions[i] == TLS1_3_VERSION)
			ck_assert(!visit(tls_service_get(TLS_SERVICE_SMTP, true), versions[i]));
	}
	SSL_SESSION_free(kept);
}
END_TEST

/* tls-server-end-point is the certificate that was shown, back when one was (RFC 5929 §4.1). */
START_TEST(a_resumed_session_is_bound_to_its_certificate)
{
	static const char *const kinds[] = {"ECDSA+SHA256", "RSA+SHA256:RSA-PSS+SHA256"};
	begin();
	for (size_t i = 0; i < 4; i++) {
		SSL_SESSION_free(kept);
		kept = NULL;
		signatures_taken = kinds[i / 2];
		ck_assert(!visit(smtp(), versions[i % 2]));
		const struct tls_facts first = last_facts;
		ck_assert_uint_eq(first.endpoint_size, 32);
		for (int k = 0; k < 3; k++) {
			ck_assert(visit(smtp(), versions[i % 2]));
			ck_assert_msg(last_facts.endpoint_size == first.endpoint_size &&
					  memcmp(last_facts.endpoint, first.endpoint, 32) == 0,
			    "%s with %s", kinds[i / 2], first.version);
			/* The key of the site changes, and what was shown does not. */
			take(&rows[i / 2], i < 2 ? "EC" : "RSA", "DNS:mx.example");
			server_publish();
			unit_settle();
		}
	}
	SSL_SESSION_free(kept);
}
END_TEST

/* A ticket of TLS 1.3 is used once: the next comes with its use. */
START_TEST(a_ticket_is_followed_by_another)
{
	begin();
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION_free(kept);
		kept = NULL;
		ck_assert(!visit(smtp(), versions[i]));
		for (int k = 0; k < 3; k++)
			ck_assert(visit(smtp(), versions[i]));
	}
	SSL_SESSION_free(kept);
}
END_TEST

START_TEST(tickets_outlive_one_rotation)
{
	begin();
	for (size_t i = 0; i < 2; i++) {
		SSL_SESSION_free(kept);
		kept = NULL;
		visit(smtp(), versions[i]);
		server_rotate_tickets();
		unit_settle();
		ck_assert(visit(smtp(), versions[i]));
		server_rotate_tickets();
		server_rotate_tickets();
		unit_settle();
		ck_assert(!visit(smtp(), versions[i]));
	}
	SSL_SESSION_free(kept);
}
END_TEST

/* ---- new certificates -------------------------------------------------------------- */

START_TEST(sessions_live_through_new_certificates)
{
	begin();
	struct link old, under_way, fresh;
	link_open(&old, smtp());
	shake_well(&old);
	/* The certificate was shown, the signature is not here. */
	link_open(&under_way, smtp());
	step(&under_way);
	step(&under_way);
	ck_assert(under_way.signing);
	take(&rows[0], "EC", "DNS:renewed.example");
	server_publish();
	unit_settle();
	ck_assert_uint_eq(changes, 2);
	shake_well(&under_way);
	ck_assert(shows(&under_way, "mx.example"));
	link_open(&fresh, smtp());
	shake_well(&fresh);
	ck_assert(shows(&fresh, "renewed.example"));
	say_something(&old);
	link_close(&old);
	link_close(&under_way);
	link_close(&fresh);
}
END_TEST

START_TEST(a_bad_pair_leaves_the_old_one)
{
	begin();
	struct self_signed a = self_signed_make("EC", "DNS:a.example", 9);
	struct self_signed b = self_signed_make("EC", "DNS:b.example", 9);
	ck_assert(!vault_take(&rows[0], memory(a.certificate_text), memory(b.key_text), 1, &(struct key_verdict){.refused = false}));
	ck_assert(!vault_take(&rows[0], memory(""), memory(b.key_text), 1, &(struct key_verdict){.refused = false}));
	server_publish();
	unit_settle();
	struct link l;
	link_open(&l, smtp());
	shake_well(&l);
	ck_assert(shows(&l, "mx.example"));
	link_close(&l);
	/* What is the same is no news. */
	ck_assert(vault_take(&rows[0], memory(a.certificate_text), memory(a.key_text), 1, &(struct key_verdict){.refused = false}));
	ck_assert(!vault_take(&rows[0], memory(a.certificate_text), memory(a.key_text), 1, &(struct key_verdict){.refused = false}));
	self_signed_free(&a);
	self_signed_free(&b);
}
END_TEST

static bool take_dated(const char *name, long from, long until)
{
	char list[64];
	snprintf(list, sizeof(list), "DNS:%s", name);
	struct self_signed s = self_signed_from("EC", list, from, until);
	bool taken = vault_take(&rows[0], memory(s.certificate_text), memory(s.key_text), 1, &(struct key_verdict){.refused = false});
	self_signed_free(&s);
	return taken;
}

static bool is_shown(const char *name)
{
	struct link l;
	server_publish();
	unit_settle();
	link_open(&l, smtp());
	shake_well(&l);
	bool shown = shows(&l, name);
	link_close(&l);
	return shown;
}

START_TEST(an_expired_pair_leaves_a_valid_one)
{
	begin();
	ck_assert(!take_dated("expired.example", -20, -1));
	ck_assert(is_shown("mx.example"));
	/* What was there is worth no more, so the operator's word counts. */
	wall_ahead_ms = 40 * DAY_MS;
	ck_assert(take_dated("expired.example", -20, -1));
	ck_assert(is_shown("expired.example"));
	ck_assert(take_dated("later.example", 50, 60));
	ck_assert(is_shown("later.example"));
	ck_assert(take_dated("valid.example", -20, 60));
	ck_assert(is_shown("valid.example"));
}
END_TEST

START_TEST(at_the_start_an_expired_pair_is_taken)
{
	static const struct conf none;
	begin();
	ck_assert(vault_keep_only(&none, 5));
	ck_assert(take_dated("expired.example", -20, -1));
	ck_assert(is_shown("expired.example"));
}
END_TEST

/* Nobody sends it again. */
START_TEST(an_early_pair_has_its_turn)
{
	begin();
	ck_assert(!take_dated("early.example", 2, 50));
	ck_assert(!vault_tick(2));
	ck_assert(is_shown("mx.example"));
	wall_ahead_ms = 3 * DAY_MS;
	ck_assert(vault_tick(3));
	ck_assert(is_shown("early.example"));
	ck_assert(!vault_tick(4));
	ck_assert(!take_dated("early2.example", 6, 50));
	/* Which another takes away from it, as does the same as before. */
	ck_assert(take_dated("other.example", -2, 50));
	wall_ahead_ms = 8 * DAY_MS;
	ck_assert(!vault_tick(5));
	ck_assert(is_shown("other.example"));
}
END_TEST

START_TEST(without_certificates_there_is_no_tls)
{
	static const struct conf none;
	begin();
	ck_assert(tls_service_is_ready(smtp()));
	ck_assert(vault_keep_only(&none, 5));
	server_set_conf(&none);
	server_publish();
	unit_settle();
	ck_assert(!tls_service_is_ready(smtp()));
	ck_assert_ptr_null(tls_stream_new(smtp(), -1, on_signed, NULL));
}
END_TEST

/* ---- keys that does not answer ------------------------------------------------------ */

START_TEST(a_signature_that_waits_holds_up_nobody)
{
	struct link a, b;
	int silent;
	begin();
	wire(&silent);
	link_open(&a, smtp());
	link_open(&b, smtp());
	shake(&a);
	shake(&b);
	ck_assert(a.signing && b.signing && !a.client_done && !b.client_done);
	/* keys is there again: both are asked again. */
	close(silent);
	unit_settle();
	ck_assert(a.signing && b.signing);
	wire(NULL);
	unit_settle();
	shake_well(&b);
	shake_well(&a);
	link_close(&a);
	link_close(&b);
}
END_TEST

START_TEST(who_gives_up_leaves_nothing)
{
	struct link l;
	int silent;
	begin();
	wire(&silent);
	for (int i = 0; i < 3; i++) {
		link_open(&l, smtp());
		shake(&l);
		ck_assert(l.signing);
		link_close(&l);
	}
	wire(NULL);
	unit_settle();
	link_open(&l, smtp());
	shake_well(&l);
	link_close(&l);
	close(silent);
}
END_TEST

/* ---- what a peer of keys may ask ----------------------------------------------------- */

static unsigned signatures, refusals;

static bool count_signature(void *ctx, const struct msg_signature *m, int *fds)
{
	(void)ctx;
	(void)fds;
	signatures += m->octets.n > 0;
	refusals += m->octets.n == 0;
	return true;
}

static char told[1000]; /* the newest set: "NAME NAME " */

static bool any_identities(void *ctx, const struct msg_identities *m, int *fds)
{
	(void)ctx;
	(void)m;
	(void)fds;
	told[0] = '\0';
	return true;
}

static uint32_t first_id, last_id;

static bool any_identity(void *ctx, const struct msg_identity *m, int *fds)
{
	(void)ctx;
	(void)fds;
	size_t n = strlen(told);
	first_id = first_id == 0 ? m->id : first_id;
	last_id = m->id;
	snprintf(told + n, sizeof(told) - n, "%.*s ", STR_ARG(m->names[0].name));
	return true;
}

static unsigned tickets_told;

static bool any_tickets(void *ctx, const struct msg_ticket_keys *m, int *fds)
{
	(void)ctx;
	(void)fds;
	tickets_told++;
	ck_assert_int_eq(m->service, TLS_SERVICE_POP3);
	return true;
}

static const struct keys_client_handlers rogue_handlers = {.identities = any_identities,
    .identity = any_identity,
    .ticket_keys = any_tickets,
    .signature = count_signature};

static bool rogue_lost;

static void on_rogue_lost(void *ctx, struct channel *channel, const char *why)
{
	(void)ctx;
	(void)channel;
	(void)why;
	rogue_lost = true;
}

static struct channel *rogue_at(enum edge_id edge, unsigned instance)
{
	int ends[2];
	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
	server_peer(edge, instance, ends[1]);
	rogue_lost = false;
	first_id = 0;
	struct channel *c =
	    channel_new(ends[0], &keys_client, &rogue_handlers, NULL, on_rogue_lost);
	unit_settle();
	return c;
}

static struct channel *rogue(unsigned instance)
{
	struct channel *c = rogue_at(EDGE_pop3d_keys, instance);
	ck_assert_uint_ne(first_id, 0);
	return c;
}

static const struct {
	uint16_t scheme;
	size_t n;
	bool kept;
} wishes[] = {
    {0x0403, 32, true}, {0x0403, 31, false}, {0x0403, 33, false}, {0x0403, 0, false},
    {0x0403, 48, false}, {0x0203, 20, false}, /* SHA-1 */
    {0x0807, 64, false},		      /* Ed25519 */
    {0x0000, 36, false},		      /* MD5 and SHA-1 */
    {0x0804, 32, true},			      /* not of that key: refused, but no crime */
};

START_TEST(only_digests_are_signed)
{
	static const char octets[DIGEST_MAX] = "x";
	begin();
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		struct channel *c = rogue(3);
		const struct msg_sign m = {.identity = first_id,
		    .scheme = wishes[i].scheme,
		    .digest = str_from(octets, wishes[i].n)};
		msg_sign_send(c, &m, NULL);
		unit_settle();
		ck_assert_msg(rogue_lost == !wishes[i].kept, "row %zu", i);
		channel_free(c);
	}
	ck_assert_uint_eq(signatures, 1);
	ck_assert_uint_eq(refusals, 1);
}
END_TEST

static void ask(struct channel *c, unsigned times)
{
	static const char octets[DIGEST_MAX] = "x";
	const struct msg_sign m = {
	    .identity = first_id, .scheme = 0x0403, .digest = str_from(octets, 32)};
	signatures = refusals = 0;
	for (unsigned i = 0; i < times; i++) {
		msg_sign_send(c, &m, NULL);
		if (i % 50 == 0)
			unit_settle();
	}
	unit_settle();
	ck_assert_uint_eq(signatures + refusals, times);
}

/* Handshakes that a client begins and leaves, by the hundred: that worker's wait for the next
 * second, and nobody else's. */
START_TEST(signing_has_a_rate)
{
	begin();
	clock_ms = 5000;
	struct channel *greedy = rogue(3), *other = rogue(4);
	ask(greedy, SERVER_SIGN_PER_SECOND + 10);
	ck_assert_uint_eq(signatures, SERVER_SIGN_PER_SECOND);
	clock_ms = 5999;
	ask(greedy, 10);
	ck_assert_uint_eq(refusals, 10);
	ask(other, 10);
	ck_assert_uint_eq(signatures, 10);
	struct link l;
	link_open(&l, smtp());
	shake_well(&l);
	link_close(&l);
	ck_assert(!rogue_lost);
	clock_ms = 6000;
	ask(greedy, 10);
	ck_assert_uint_eq(signatures, 10);
	channel_free(greedy);
	channel_free(other);
	clock_ms = 0;
}
END_TEST

START_TEST(a_key_that_is_not_there_is_refused)
{
	static const char octets[DIGEST_MAX] = "x";
	begin();
	struct channel *c = rogue(3);
	const struct msg_sign m = {
	    .identity = first_id + 1000, .scheme = 0x0403, .digest = str_from(octets, 32)};
	for (int i = 0; i < 100; i++) {
		msg_sign_send(c, &m, NULL);
		unit_settle();
	}
	ck_assert_uint_eq(refusals, 100);
	ck_assert(!rogue_lost);
	channel_free(c);
}
END_TEST

/* ---- whose certificates they are ------------------------------------------------------ */

static unsigned signed_for(struct channel *c, uint32_t identity)
{
	static const char octets[DIGEST_MAX] = "x";
	unsigned before = signatures;
	const struct msg_sign m = {
	    .identity = identity, .scheme = 0x0403, .digest = str_from(octets, 32)};
	msg_sign_send(c, &m, NULL);
	unit_settle();
	ck_assert(!rogue_lost);
	return signatures - before;
}

/* A server's alone, a client's alone, and what is both. */
START_TEST(each_edge_has_its_own_certificates)
{
	begin();
	rows[2].is_client = true;
	conf.certificate_count = 4;
	vault_keep_only(&conf, 1);
	take(&rows[3], "EC", "DNS:client.example");
	server_publish();
	struct channel *server = rogue_at(EDGE_pop3d_keys, 3);
	uint32_t servers_own = first_id, both = last_id;
	ck_assert_str_eq(told, "mx.example mx.example other.example ");
	unsigned tickets = tickets_told;
	ck_assert_uint_gt(tickets, 0);
	struct channel *client = rogue_at(EDGE_remote_keys, 3);
	uint32_t clients_own = last_id;
	ck_assert_str_eq(told, "other.example client.example ");
	ck_assert_uint_eq(first_id, both);
	ck_assert_uint_eq(tickets_told, tickets);

	ck_assert_uint_eq(signed_for(server, servers_own), 1);
	ck_assert_uint_eq(signed_for(server, both), 1);
	ck_assert_uint_eq(signed_for(server, clients_own), 0);
	ck_assert_uint_eq(signed_for(client, servers_own), 0);
	ck_assert_uint_eq(signed_for(client, both), 1);
	ck_assert_uint_eq(signed_for(client, clients_own), 1);
	channel_free(server);
	channel_free(client);
}
END_TEST

/* Without a certificate that changes. */
START_TEST(a_reload_gives_and_takes_certificates)
{
	begin();
	struct channel *client = rogue_at(EDGE_remote_keys, 3);
	ck_assert_str_eq(told, "");
	ck_assert(!vault_keep_only(&conf, 1));
	rows[2].is_client = true;
	ck_assert(vault_keep_only(&conf, 1));
	server_publish();
	unit_settle();
	ck_assert_str_eq(told, "other.example ");
	uint32_t id = last_id;
	ck_assert_uint_eq(signed_for(client, id), 1);
	rows[2].is_client = false;
	ck_assert(vault_keep_only(&conf, 1));
	server_publish();
	unit_settle();
	ck_assert_str_eq(told, "");
	ck_assert_uint_eq(signed_for(client, id), 0);
	channel_free(client);
}
END_TEST

UNIT_MAIN("tls", each_client_gets_the_key_that_it_can_use, channel_bindings_are_the_clients,
    names_choose_certificates, other_protocols_are_turned_away, old_versions_are_turned_away,
    nobody_renegotiates, new_keys_are_no_pastime, octets_in_clear_fail, tickets_are_of_one_service,
    a_resumed_session_is_bound_to_its_certificate,
    a_ticket_is_followed_by_another, tickets_outlive_one_rotation,
    sessions_live_through_new_certificates, a_bad_pair_leaves_the_old_one,
    an_expired_pair_leaves_a_valid_one, at_the_start_an_expired_pair_is_taken,
    an_early_pair_has_its_turn,
    without_certificates_there_is_no_tls, a_signature_that_waits_holds_up_nobody,
    who_gives_up_leaves_nothing, only_digests_are_signed, signing_has_a_rate,
    a_key_that_is_not_there_is_refused, each_edge_has_its_own_certificates,
    a_reload_gives_and_takes_certificates)
