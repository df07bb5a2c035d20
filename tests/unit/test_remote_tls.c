/* SPDX-License-Identifier: ISC
 *
 * TLS of deliver-remote against OpenSSL's server, with the program keys at the other end of a
 * socket pair: what is shown to whom, and which sessions are resumed.
 */
#include "common/loop.h"
#include "common/mem.h"
#include "common/tls-keys.h"
#include "deliver-remote/tls-internal.h"
#include "keys/server.h"
#include "keys/vault.h"
#include "tests/unit/scratch.h"
#include "tests/unit/self-signed.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 100 };

/* ---- keys ------------------------------------------------------------------------ */

static char own_name[] = "own.example", server_name[] = "listener.example", path[] = "/x",
	    rsa_path[] = "/y";
static struct conf_certificate rows[] = {
    {.name = own_name, .chain = path, .key = path, .client_only = true, .is_client = true},
    {.name = own_name, .chain = rsa_path, .key = rsa_path, .client_only = true, .is_client = true},
    {.name = server_name, .chain = path, .key = path},
};
static struct conf conf = {.certificates = rows, .certificate_count = 3};

static int memory(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

static void take(const struct conf_certificate *row, const char *kind)
{
	char *names = xasprintf("DNS:%s", row->name);
	struct self_signed s = self_signed_make(kind, names, 30);
	ck_assert(vault_take(row, memory(s.certificate_text), memory(s.key_text), 1, &(struct key_verdict){.refused = false}));
	self_signed_free(&s);
	free(names);
}

/* Returns keys' end when it is silent, else -1. */
static int wire(bool silent)
{
	int ends[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	tls_keys_connect(ends[0]);
	if (!silent)
		server_peer(EDGE_remote_keys, 0, ends[1]);
	unit_settle();
	return silent ? ends[1] : -1;
}

static void publish(void)
{
	server_publish();
	unit_settle();
}

/* ---- the server ------------------------------------------------------------------- */

static struct self_signed server_pair;
static SSL_CTX *server;

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static SSL_CTX *new_server(int version, bool asks)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	BIO *text = BIO_new_mem_buf(server_pair.certificate_text, -1);
	X509 *certificate = PEM_read_bio_X509(text, NULL, NULL, NULL);
	BIO_free(text);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, certificate), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, server_pair.key), 1);
	X509_free(certificate);
	SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"x", 1);
	SSL_CTX_set_max_proto_version(ctx, version);
	if (asks)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
	return ctx;
}

static void setup(void)
{
	scratch_open();
	server_pair = self_signed_make("EC", "DNS:mx.far.example,DNS:mx.near.example", 30);
	scratch_write("authorities", str_from_cstr(server_pair.certificate_text));
	char *authorities = xasprintf("%s/authorities", scratch_path());
	tls_keys_setup(tls_on_keys);
	tls_setup(authorities);
	free(authorities);
	server_set_conf(&conf);
	wire(false);
	take(&rows[0], "EC");
	take(&rows[1], "RSA");
	take(&rows[2], "EC");
	server = new_server(TLS1_3_VERSION, false);
}

static void teardown(void)
{
	SSL_CTX_free(server);
	tls_teardown();
	self_signed_free(&server_pair);
	scratch_close();
}

static void serve(int version, bool asks)
{
	SSL_CTX_free(server);
	server = new_server(version, asks);
}

/* ---- a connection ------------------------------------------------------------------ */

static const struct place here = {.octets = {192, 0, 2, 1}, .family = 4, .port = 25},
			  there = {.octets = {192, 0, 2, 1}, .family = 4, .port = 26};

struct link {
	SSL *server;
	struct tls *client;
	int client_fd, server_fd;
	bool server_done;
	int rc;
	unsigned told; /* that it can go on */
	struct text why;
};

static void on_signed(void *ctx)
{
	struct link *l = ctx;
	l->told++;
	l->rc = TLS_AGAIN;
}

static void link_open(struct link *l, const struct tls_expect *e)
{
	int ends[2];
	*l = (struct link){.rc = TLS_AGAIN};
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	l->client_fd = ends[0];
	l->server_fd = ends[1];
	l->server = SSL_new(server);
	SSL_set_fd(l->server, l->server_fd);
	SSL_set_accept_state(l->server);
	l->client = tls_new(l->client_fd, e, on_signed, l);
	ck_assert_ptr_nonnull(l->client);
}

/* As far as it goes. */
static int shake(struct link *l)
{
	for (int i = 0; i < ROUNDS && (l->rc == TLS_AGAIN || !l->server_done); i++) {
		if (l->rc == TLS_AGAIN)
			l->rc = tls_handshake(l->client, &l->why);
		l->server_done = l->server_done || SSL_do_handshake(l->server) == 1;
		ERR_clear_error();
		unit_settle();
		if (l->rc == TLS_FAILED)
			break;
	}
	return l->rc;
}

/* An octet from the server, behind the tickets. */
static void hear(struct link *l)
{
	char octet = 0;
	ck_assert_int_eq(SSL_write(l->server, "x", 1), 1);
	ck_assert_int_eq(tls_read(l->client, &octet, 1), 1);
	ck_assert_int_eq(octet, 'x');
}

static void link_close(struct link *l)
{
	tls_close(l->client);
	tls_free(l->client);
	SSL_free(l->server);
	close(l->client_fd);
	close(l->server_fd);
}

static struct tls_expect expect_of(enum tls_demand demand)
{
	return (struct tls_expect){.demand = demand, .host = "mx.far.example", .address = &here};
}

/* One that works; whether it was resumed. */
static bool resumes(const struct tls_expect *e)
{
	struct link l;
	link_open(&l, e);
	ck_assert_msg(shake(&l) == 1, "%.*s", STR_ARG(text_str(&l.why)));
	hear(&l);
	bool resumed = tls_is_resumed(l.client);
	ck_assert_int_eq(SSL_session_reused(l.server), resumed);
	ck_assert_int_eq(tls_level(l.client) == REMOTE_TLS_VERIFIED,
	    e->demand != TLS_DEMAND_MAY && e->demand != TLS_DEMAND_ENCRYPT);
	link_close(&l);
	return resumed;
}

/* ---- what is shown ------------------------------------------------------------------ */

static struct tls_expect showing(const char *name)
{
	struct tls_expect e = expect_of(TLS_DEMAND_ENCRYPT);
	e.certificate = str_from_cstr(name);
	return e;
}

static const struct {
	int version;
	const char *sigalgs; /* that the server takes of a client; NULL: all */
	const char *shows;
} choices[] = {
    {TLS1_3_VERSION, NULL, "EC"},
    {TLS1_3_VERSION, "ECDSA+SHA256", "EC"},
    {TLS1_3_VERSION, "rsa_pss_rsae_sha256", "RSA"},
    {TLS1_3_VERSION, "rsa_pss_rsae_sha512", "RSA"},
    {TLS1_3_VERSION, "rsa_pss_rsae_sha384:ECDSA+SHA256", "RSA"}, /* in the server's order */
    {TLS1_3_VERSION, "RSA+SHA256:rsa_pss_rsae_sha256", "RSA"},
    {TLS1_3_VERSION, "ECDSA+SHA384", ""}, /* of another curve */
    {TLS1_3_VERSION, "ed25519", ""},
    {TLS1_2_VERSION, NULL, "EC"},
    {TLS1_2_VERSION, "ECDSA+SHA384", "EC"},
    {TLS1_2_VERSION, "RSA+SHA256", "RSA"},
    {TLS1_2_VERSION, "RSA+SHA512", "RSA"},
    {TLS1_2_VERSION, "RSA-PSS+SHA256", "RSA"},
    {TLS1_2_VERSION, "ed25519", ""},
};

static const char *shown(struct link *l)
{
	X509 *certificate = SSL_get0_peer_certificate(l->server);
	if (certificate == NULL)
		return "";
	ck_assert_int_eq(X509_check_host(certificate, own_name, 0, 0, NULL), 1);
	return EVP_PKEY_is_a(X509_get0_pubkey(certificate), "RSA") ? "RSA" : "EC";
}

START_TEST(each_server_gets_what_it_can_use)
{
	const struct tls_expect e = showing(own_name);
	publish();
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		struct link l;
		serve(choices[i].version, true);
		if (choices[i].sigalgs != NULL)
			SSL_CTX_set1_client_sigalgs_list(server, choices[i].sigalgs);
		tls_sessions_clear();
		link_open(&l, &e);
		ck_assert_msg(shake(&l) == 1, "row %zu: %.*s", i, STR_ARG(text_str(&l.why)));
		ck_assert(l.server_done);
		hear(&l);
		ck_assert_msg(
		    strcmp(shown(&l), choices[i].shows) == 0, "row %zu: %s", i, shown(&l));
		ck_assert_uint_eq(l.told, choices[i].shows[0] != '\0');
		link_close(&l);
	}
}
END_TEST

START_TEST(nothing_is_shown_unasked_or_unnamed)
{
	struct link l;
	publish();
	for (int i = 0; i < 2; i++) {
		const struct tls_expect e = showing(i == 0 ? own_name : "");
		serve(TLS1_3_VERSION, i == 1);
		link_open(&l, &e);
		ck_assert_int_eq(shake(&l), 1);
		ck_assert_str_eq(shown(&l), "");
		ck_assert_uint_eq(l.told, 0);
		link_close(&l);
	}
}
END_TEST

/* It is ours, but nobody can sign with it here: the configuration gives it to listeners. */
START_TEST(what_is_not_there_is_our_own_fault)
{
	static const char *const names[] = {"gone.example", server_name};
	publish();
	serve(TLS1_3_VERSION, true);
	for (size_t i = 0; i < 2; i++) {
		struct link l;
		const struct tls_expect e = showing(names[i]);
		link_open(&l, &e);
		ck_assert_int_eq(shake(&l), TLS_FAILED);
		ck_assert(tls_is_own_fault(l.client));
		ck_assert_ptr_nonnull(strstr(l.why.p, names[i]));
		link_close(&l);
	}
}
END_TEST

START_TEST(before_keys_has_spoken_it_waits)
{
	struct link l, given_up;
	const struct tls_expect e = showing(own_name);
	serve(TLS1_3_VERSION, true);
	link_open(&l, &e);
	link_open(&given_up, &e);
	ck_assert_int_eq(shake(&l), TLS_SIGNING);
	ck_assert_int_eq(shake(&given_up), TLS_SIGNING);
	link_close(&given_up);
	publish();
	ck_assert_uint_eq(l.told, 1);
	ck_assert_int_eq(shake(&l), 1);
	ck_assert_str_eq(shown(&l), "EC");
	link_close(&l);
}
END_TEST

START_TEST(a_signature_that_waits_holds_up_nobody)
{
	struct link slow, fast, given_up;
	const struct tls_expect e = showing(own_name), bare = showing("");
	publish();
	serve(TLS1_3_VERSION, true);
	int keys_end = wire(true);
	link_open(&slow, &e);
	link_open(&given_up, &e);
	link_open(&fast, &bare);
	ck_assert_int_eq(shake(&slow), TLS_SIGNING);
	ck_assert_int_eq(shake(&given_up), TLS_SIGNING);
	ck_assert_int_eq(shake(&fast), 1);
	ck_assert_int_eq(tls_handshake(slow.client, &slow.why), TLS_SIGNING);
	link_close(&given_up);
	close(keys_end);
	wire(false); /* which is asked again */
	ck_assert_int_eq(shake(&slow), 1);
	ck_assert_str_eq(shown(&slow), "EC");
	link_close(&slow);
	link_close(&fast);
}
END_TEST

START_TEST(a_refused_signature_is_our_own_fault)
{
	struct link l;
	const struct tls_expect e = showing(own_name);
	publish();
	serve(TLS1_3_VERSION, true);
	rows[0].is_client = false; /* and nobody was told yet */
	vault_keep_only(&conf, 1);
	link_open(&l, &e);
	ck_assert_int_eq(shake(&l), TLS_FAILED);
	ck_assert(tls_is_own_fault(l.client));
	ck_assert_ptr_nonnull(strstr(l.why.p, "does not sign"));
	link_close(&l);
}
END_TEST

/* ---- what the server says against it -------------------------------------------------- */

static int verdict; /* of the server, X509_V_... */

static int judge(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, verdict);
	return verdict == X509_V_OK;
}

#define REFUSES	   " (the server refuses our certificate own.example)"
#define NONE_SHOWN " (the server asked for a certificate, and none was shown)"

static const struct {
	const char *name; /* of ours */
	int verdict;
	const char *alert, *alert_12; /* NULL: the same in TLS 1.2 */
} refusals[] = {
    {own_name, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown CA" REFUSES, NULL},
    {own_name, X509_V_ERR_CERT_HAS_EXPIRED, "certificate expired" REFUSES, NULL},
    {own_name, X509_V_ERR_CERT_REVOKED, "certificate revoked" REFUSES, NULL},
    {own_name, X509_V_ERR_CERT_REJECTED, "bad certificate" REFUSES, NULL},
    {own_name, X509_V_ERR_INVALID_PURPOSE, "unsupported certificate" REFUSES, NULL},
    {own_name, X509_V_ERR_PERMITTED_VIOLATION, "certificate unknown" REFUSES, NULL},
    {own_name, X509_V_ERR_APPLICATION_VERIFICATION, "handshake failure", NULL},
    {"", X509_V_OK, "certificate required" NONE_SHOWN, "handshake failure" NONE_SHOWN},
};

static void await_refusal(struct link *l, int version, const char *alert)
{
	char octet, expected[128];
	snprintf(expected, sizeof(expected), "TLS alert: %s", alert);
	if (version == TLS1_2_VERSION) {
		ck_assert_int_eq(shake(l), TLS_FAILED);
	} else {
		ck_assert_int_eq(shake(l), 1);
		ck_assert_int_eq(tls_read(l->client, &octet, 1), TLS_FAILED);
		ck_assert(tls_explain_alert(l->client, &l->why));
	}
	ck_assert_str_eq(l->why.p, expected);
	ck_assert(tls_is_refused(l->client));
	ck_assert(!tls_is_own_fault(l->client));
}

/* TLS 1.3: after the end of the handshake, which this side takes for a success. */
START_TEST(servers_say_what_they_refuse)
{
	publish();
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
			struct link l;
			const struct tls_expect e = showing(refusals[i].name);
			bool differs = version == TLS1_2_VERSION && refusals[i].alert_12 != NULL;
			serve(version, true);
			SSL_CTX_set_verify(
			    server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, judge);
			verdict = refusals[i].verdict;
			link_open(&l, &e);
			await_refusal(
			    &l, version, differs ? refusals[i].alert_12 : refusals[i].alert);
			link_close(&l);
			ck_assert_uint_eq(tls_sessions_count(), 0);
		}
}
END_TEST

/* Who has said something is content with the handshake; what it says later is of something else. */
START_TEST(later_alerts_are_no_refusal)
{
	static const uint8_t record[5 + 32] = {SSL3_RT_APPLICATION_DATA, 3, 3, 0, 32};
	const struct tls_expect e = showing("");
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct link l;
		char octet;
		serve(version, false);
		link_open(&l, &e);
		ck_assert_int_eq(shake(&l), 1);
		hear(&l);
		ck_assert(!tls_explain_alert(l.client, &l.why));
		ck_assert_int_eq(
		    write(l.client_fd, record, sizeof(record)), (ssize_t)sizeof(record));
		ck_assert_int_lt(SSL_read(l.server, &octet, 1), 0);
		ERR_clear_error();
		ck_assert_int_eq(tls_read(l.client, &octet, 1), TLS_FAILED);
		ck_assert(tls_explain_alert(l.client, &l.why));
		ck_assert_str_eq(l.why.p, "TLS alert: bad record mac");
		ck_assert(!tls_is_refused(l.client));
		link_close(&l);
	}
}
END_TEST

/* Its next connection shall not begin with what it did not like. */
START_TEST(refused_sessions_go)
{
	const struct tls_expect e = showing(own_name);
	struct link l;
	publish();
	serve(TLS1_3_VERSION, true);
	ck_assert(!resumes(&e));
	SSL_CTX_set_verify(server, SSL_VERIFY_PEER, judge);
	SSL_CTX_set_session_id_context(server, (const uint8_t *)"y", 1);
	verdict = X509_V_ERR_CERT_REVOKED;
	link_open(&l, &e);
	ck_assert(tls_has_offered_session(l.client));
	ck_assert_uint_gt(tls_sessions_count(), 0); /* of the same kind */
	await_refusal(&l, TLS1_3_VERSION, "certificate revoked" REFUSES);
	ck_assert_uint_eq(tls_sessions_count(), 0);
	link_close(&l);
}
END_TEST

/* ---- sessions ------------------------------------------------------------------------ */

START_TEST(sessions_are_resumed)
{
	static const enum tls_demand demands[] = {
	    TLS_DEMAND_MAY, TLS_DEMAND_ENCRYPT, TLS_DEMAND_VERIFY};
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (size_t i = 0; i < 3; i++) {
			const struct tls_expect e = expect_of(demands[i]);
			serve(version, false);
			tls_sessions_clear();
			ck_assert(!resumes(&e));
			for (int k = 0; k < 5; k++)
				ck_assert(resumes(&e));
		}
}
END_TEST

/* What differs is another server, or another question. */
START_TEST(sessions_are_for_what_they_were_made_for)
{
	const struct tls_expect e = expect_of(TLS_DEMAND_MAY);
	struct tls_expect port = e, name = e, demand = e, shows = e;
	port.address = &there;
	name.host = "mx.near.example";
	demand.demand = TLS_DEMAND_VERIFY;
	shows.certificate = str_from_cstr(own_name);
	const struct tls_expect *const others[] = {&port, &name, &demand, &shows};
	publish();
	for (size_t i = 0; i < 4; i++) {
		tls_sessions_clear();
		ck_assert(!resumes(&e));
		ck_assert_msg(!resumes(others[i]), "row %zu", i);
		ck_assert(resumes(&e));
		ck_assert(resumes(others[i]));
	}
}
END_TEST

/* The certificate is asked about anew: its names, DANE's records, fingerprints. */
START_TEST(sessions_do_not_outlive_their_policy)
{
	struct hop_name name = {.name = STR("mx.far.example")},
			wrong = {.name = STR("else.example")};
	struct tls_expect e = expect_of(TLS_DEMAND_VERIFY);
	struct link l;
	e.names = &name;
	e.name_count = 1;
	ck_assert(!resumes(&e));
	ck_assert(resumes(&e));
	e.names = &wrong;
	link_open(&l, &e);
	ck_assert(!tls_has_offered_session(l.client));
	ck_assert_int_eq(shake(&l), TLS_FAILED);
	link_close(&l);
	ck_assert_uint_eq(tls_sessions_count(), 0);
}
END_TEST

static size_t key_digest(uint8_t out[32])
{
	uint8_t *der = NULL;
	unsigned size = 0;
	int n = i2d_PUBKEY(server_pair.key, &der);
	EVP_Digest(der, (size_t)n, out, &size, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return size;
}

START_TEST(sessions_do_not_outlive_their_records)
{
	uint8_t digest[32];
	size_t n = key_digest(digest);
	struct tlsa record = {
	    .usage = 3, .selector = 1, .matching = 1, .data = str_from((char *)digest, n)};
	struct tls_expect e = expect_of(TLS_DEMAND_DANE);
	struct link l;
	e.tlsa_base = "mx.far.example";
	e.records = &record;
	e.record_count = 1;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		serve(version, false);
		ck_assert(!resumes(&e));
		ck_assert(resumes(&e));
		digest[0] ^= 1;
		link_open(&l, &e);
		ck_assert(!tls_has_offered_session(l.client));
		ck_assert_int_eq(shake(&l), TLS_FAILED);
		link_close(&l);
		ck_assert_uint_eq(tls_sessions_count(), 0);
		digest[0] ^= 1;
	}
}
END_TEST

START_TEST(sessions_do_not_outlive_their_fingerprints)
{
	uint8_t digest[32];
	size_t n = key_digest(digest);
	struct hop_fingerprint print = {.sha256 = str_from((char *)digest, n)};
	struct tls_expect e = expect_of(TLS_DEMAND_FINGERPRINT);
	struct link l;
	e.fingerprints = &print;
	e.fingerprint_count = 1;
	ck_assert(!resumes(&e));
	ck_assert(resumes(&e));
	digest[0] ^= 1;
	link_open(&l, &e);
	ck_assert(!tls_has_offered_session(l.client));
	ck_assert_int_eq(shake(&l), TLS_FAILED);
	link_close(&l);
	ck_assert_uint_eq(tls_sessions_count(), 0);
}
END_TEST

/* Not one that was never accepted. */
START_TEST(a_failed_handshake_leaves_no_session)
{
	struct tls_expect e = expect_of(TLS_DEMAND_FINGERPRINT);
	struct link l;
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		serve(version, false);
		link_open(&l, &e);
		ck_assert_int_eq(shake(&l), TLS_FAILED);
		link_close(&l);
		ck_assert_uint_eq(tls_sessions_count(), 0);
	}
}
END_TEST

/* The server forgot its ticket keys, or fails. */
START_TEST(sessions_go_when_they_fail)
{
	const struct tls_expect e = expect_of(TLS_DEMAND_MAY);
	struct link l;
	ck_assert(!resumes(&e));
	serve(TLS1_3_VERSION, false);
	ck_assert(!resumes(&e));
	ck_assert(resumes(&e));
	link_open(&l, &e);
	ck_assert(tls_has_offered_session(l.client));
	ck_assert_int_eq(write(l.server_fd, "no TLS", 6), 6);
	ck_assert_int_eq(shake(&l), TLS_FAILED);
	link_close(&l);
	ck_assert_uint_eq(tls_sessions_count(), 0);
	ck_assert(!resumes(&e));
}
END_TEST

/* Of another certificate than ours it would not know. */
START_TEST(new_certificates_end_sessions)
{
	const struct tls_expect e = showing(own_name);
	publish();
	serve(TLS1_3_VERSION, true);
	ck_assert(!resumes(&e));
	ck_assert(resumes(&e));
	take(&rows[0], "EC");
	publish();
	ck_assert_uint_eq(tls_sessions_count(), 0);
	ck_assert(!resumes(&e));
}
END_TEST

/* ---- how many, how long --------------------------------------------------------------- */

static struct tls_session_key key_of(unsigned number)
{
	struct tls_session_key key = {{0}};
	memcpy(key.sha256, &number, sizeof(number));
	return key;
}

static SSL_SESSION *new_session(int version, long seconds)
{
	static const uint8_t id[] = {1};
	SSL_SESSION *s = SSL_SESSION_new();
	SSL_SESSION_set_protocol_version(s, version);
	SSL_SESSION_set1_id(s, id, sizeof(id));
	SSL_SESSION_set_timeout(s, seconds);
	return s;
}

static bool has(unsigned number, uint64_t now_ms)
{
	const struct tls_session_key key = key_of(number);
	uint64_t until_ms;
	SSL_SESSION *s = tls_sessions_take(&key, now_ms, &until_ms);
	SSL_SESSION_free(s);
	return s != NULL;
}

static void put(unsigned number, int version, long seconds, uint64_t until_ms)
{
	const struct tls_session_key key = key_of(number);
	tls_sessions_put(&key, new_session(version, seconds), until_ms, 1000);
}

START_TEST(so_many_and_no_more)
{
	for (unsigned i = 0; i < 2 * TLS_SESSIONS_MAX; i++)
		put(i, TLS1_3_VERSION, 100, UINT64_MAX);
	ck_assert_uint_eq(tls_sessions_count(), TLS_SESSIONS_MAX);
	ck_assert(!has(0, 1000));
	ck_assert(!has(TLS_SESSIONS_MAX - 1, 1000));
	ck_assert(has(TLS_SESSIONS_MAX, 1000));
	ck_assert(has(2 * TLS_SESSIONS_MAX - 1, 1000));
	tls_sessions_clear();
	for (unsigned i = 0; i < 100; i++)
		put(7, TLS1_3_VERSION, 100, UINT64_MAX);
	ck_assert_uint_eq(tls_sessions_count(), TLS_SESSIONS_OF_ONE_MAX);
	for (unsigned i = 0; i < TLS_SESSIONS_OF_ONE_MAX; i++)
		ck_assert(has(7, 1000));
	ck_assert(!has(7, 1000));
	for (unsigned i = 0; i < 100; i++)
		put(7, TLS1_2_VERSION, 100, UINT64_MAX);
	ck_assert_uint_eq(tls_sessions_count(), 1);
	ck_assert(has(7, 1000));
	ck_assert(has(7, 1000));
}
END_TEST

START_TEST(so_long_and_no_longer)
{
	put(1, TLS1_2_VERSION, 100, UINT64_MAX); /* the server's hint */
	ck_assert(has(1, 100 * 1000 + 999));
	ck_assert(!has(1, 100 * 1000 + 1000));
	put(2, TLS1_2_VERSION, 100000, 5000); /* the hour of the handshake that it is of */
	ck_assert(has(2, 4999));
	ck_assert(!has(2, 5000));
	put(3, TLS1_3_VERSION, 0, UINT64_MAX); /* of no use */
	ck_assert(!has(3, 1000));
	ck_assert_uint_eq(tls_sessions_count(), 0);
}
END_TEST

/* The hour counts from the last whole handshake, however often it is resumed. */
START_TEST(resuming_does_not_prolong)
{
	const struct tls_expect e = expect_of(TLS_DEMAND_MAY);
	struct link l;
	ck_assert(!resumes(&e));
	link_open(&l, &e);
	uint64_t until_ms = l.client->session_until_ms;
	ck_assert_uint_gt(until_ms, loop_now_ms());
	ck_assert_uint_le(until_ms, loop_now_ms() + TLS_SESSION_MS);
	l.client->session_until_ms = until_ms - 1000;
	ck_assert_int_eq(shake(&l), 1);
	hear(&l);
	ck_assert(tls_is_resumed(l.client));
	ck_assert_uint_eq(l.client->until_ms, until_ms - 1000);
	link_close(&l);
	link_open(&l, &e);
	ck_assert_uint_eq(l.client->session_until_ms, until_ms - 1000);
	link_close(&l);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("all");
	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_server_gets_what_it_can_use);
	tcase_add_test(tcase, nothing_is_shown_unasked_or_unnamed);
	tcase_add_test(tcase, what_is_not_there_is_our_own_fault);
	tcase_add_test(tcase, before_keys_has_spoken_it_waits);
	tcase_add_test(tcase, a_signature_that_waits_holds_up_nobody);
	tcase_add_test(tcase, a_refused_signature_is_our_own_fault);
	tcase_add_test(tcase, servers_say_what_they_refuse);
	tcase_add_test(tcase, later_alerts_are_no_refusal);
	tcase_add_test(tcase, refused_sessions_go);
	tcase_add_test(tcase, sessions_are_resumed);
	tcase_add_test(tcase, sessions_are_for_what_they_were_made_for);
	tcase_add_test(tcase, sessions_do_not_outlive_their_policy);
	tcase_add_test(tcase, sessions_do_not_outlive_their_records);
	tcase_add_test(tcase, sessions_do_not_outlive_their_fingerprints);
	tcase_add_test(tcase, a_failed_handshake_leaves_no_session);
	tcase_add_test(tcase, sessions_go_when_they_fail);
	tcase_add_test(tcase, new_certificates_end_sessions);
	tcase_add_test(tcase, so_many_and_no_more);
	tcase_add_test(tcase, so_long_and_no_longer);
	tcase_add_test(tcase, resuming_does_not_prolong);
	return unit_run_case("remote_tls", tcase);
}
