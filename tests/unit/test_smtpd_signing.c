/* SPDX-License-Identifier: ISC
 *
 * The real smtpd in the middle of a handshake, while it waits for a signature of keys, which the
 * test is: what the client says, or that it leaves, in that moment.
 */
#include "common/msg-keys.h"
#include "tests/unit/self-signed.h"
#include "tests/unit/smtpd-stage.h"
#include "tests/unit/unit-loop.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { IDENTITY = 7, SCHEME = 0x0403, ASKED_MAX = 8, LOOK_MS = 100, BUSY_MS = 20 };

static struct stage st;
static struct stage_client client, other;
static struct self_signed pair;
static SSL_CTX *ctx;
static SSL *ssl;

/* ---- keys ------------------------------------------------------------------- */

static struct channel *keys;
static struct {
	uint32_t cookie;
	size_t n;
	uint8_t digest[64];
} asked[ASKED_MAX];
static unsigned asked_count, asked_wanted;

static bool on_sign(void *unused, const struct msg_sign *m, int *fds)
{
	(void)unused;
	(void)fds;
	ck_assert_uint_lt(asked_count, ASKED_MAX);
	ck_assert(m->identity == IDENTITY && m->scheme == SCHEME);
	ck_assert_uint_le(m->digest.n, sizeof(asked[0].digest));
	asked[asked_count].cookie = m->cookie;
	asked[asked_count].n = m->digest.n;
	memcpy(asked[asked_count++].digest, m->digest.p, m->digest.n);
	return true;
}

static const struct keys_server_handlers handlers = {.sign = on_sign};

static void on_keys_closed(void *unused, struct channel *channel, const char *why)
{
	(void)unused;
	(void)channel;
	ck_abort_msg("smtpd has closed the channel of keys: %s", why);
}

static void send_identity(void)
{
	BIO *bio = BIO_new_mem_buf(pair.certificate_text, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	uint8_t *der = NULL;
	int n = i2d_X509(x, &der);
	ck_assert_int_gt(n, 0);
	struct key_name name = {.name = STR("mx.example.org")};
	struct key_certificate leaf = {.der = str_from(der, (size_t)n)};
	msg_identities_send(keys, &(struct msg_identities){.count = 1}, NULL);
	msg_identity_send(keys,
	    &(struct msg_identity){
		.id = IDENTITY, .names = &name, .names_count = 1, .chain = &leaf, .chain_count = 1},
	    NULL);
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
}

static void connect_keys(void)
{
	int fd = stage_wire(&st, EDGE_smtpd_keys);
	keys = channel_new(fd, &keys_server, &handlers, NULL, on_keys_closed);
	send_identity();
}

static bool was_asked(struct stage *stage)
{
	(void)stage;
	return asked_count >= asked_wanted;
}

static void await_question(unsigned count)
{
	asked_wanted = count;
	ck_assert(stage_until(&st, was_asked));
	ck_assert_uint_eq(asked_count, count);
}

static void sign(unsigned i)
{
	uint8_t octets[SIGNATURE_MAX];
	size_t n = sizeof(octets);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pair.key, NULL);
	ck_assert_int_eq(EVP_PKEY_sign_init(c), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()), 1);
	ck_assert_int_eq(EVP_PKEY_sign(c, octets, &n, asked[i].digest, asked[i].n), 1);
	EVP_PKEY_CTX_free(c);
	msg_signature_send(keys,
	    &(struct msg_signature){.cookie = asked[i].cookie, .octets = str_from(octets, n)},
	    NULL);
}

/* ---- a client --------------------------------------------------------------- */

/* What TLS has to say goes out, what has come goes in; false once the server has closed. */
static bool pump(void)
{
	char *out, in[4096];
	long n = BIO_get_mem_data(SSL_get_wbio(ssl), &out);
	stage_say_octets(&client, str_from(out, (size_t)n));
	(void)BIO_reset(SSL_get_wbio(ssl));
	unit_turn();
	ssize_t got = recv(client.fd, in, sizeof(in), MSG_DONTWAIT);
	if (got > 0)
		ck_assert_int_eq(BIO_write(SSL_get_rbio(ssl), in, (int)got), got);
	return got > 0 || (got < 0 && errno == EAGAIN);
}

/* Until the server is about to sign; its part of a handshake is one such moment. */
static void begin(int version)
{
	unsigned questions = asked_count + 1;
	stage_client_open(&st, &client, 1);
	stage_greet(&client);
	stage_say(&client, "STARTTLS\r\n");
	stage_expect(&client, "220 ");
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_connect_state(ssl);
	ck_assert_int_eq(SSL_set_min_proto_version(ssl, version), 1);
	ck_assert_int_eq(SSL_set_max_proto_version(ssl, version), 1);
	ck_assert_int_le(SSL_do_handshake(ssl), 0);
	pump();
	await_question(questions);
}

static void end(void)
{
	SSL_free(ssl);
	stage_client_close(&client);
}

static void finish_handshake(void)
{
	struct unit_patience patience;
	unit_patience_begin(&patience, STAGE_PATIENCE_MS);
	while (SSL_do_handshake(ssl) != 1 && !patience.over)
		pump();
	ck_assert(unit_patience_end(&patience));
}

static void expect_helo_in_tls(void)
{
	struct unit_patience patience;
	char reply[512];
	int n;
	ck_assert_int_eq(SSL_write(ssl, "HELO client.example\r\n", 21), 21);
	unit_patience_begin(&patience, STAGE_PATIENCE_MS);
	while ((n = SSL_read(ssl, reply, sizeof(reply))) <= 0 && !patience.over)
		pump();
	ck_assert(unit_patience_end(&patience));
	ck_assert(n > 4 && memcmp(reply, "250 ", 4) == 0);
}

/* ---- smtpd ------------------------------------------------------------------ */

/* Processor time that it has had. */
static unsigned long long busy_ns(void)
{
	char path[64];
	unsigned long long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)st.pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%llu", &ns), 1);
	fclose(f);
	return ns;
}

/* It has seen all that was said, and sleeps. A loop that is woken again and again takes all of the
 * processor that it is given. */
static void expect_at_rest(void)
{
	stage_say(&other, "NOOP\r\n");
	stage_expect(&other, "250 ");
	unsigned long long before = busy_ns();
	usleep(LOOK_MS * 1000);
	ck_assert_uint_lt(busy_ns() - before, BUSY_MS * 1000000ULL);
	stage_say(&other, "NOOP\r\n");
	stage_expect(&other, "250 ");
}

/* -1: it cannot be seen. */
static int open_files(void)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)st.pid);
	DIR *d = opendir(path);
	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d == NULL)
		return -1;
	closedir(d);
	return n;
}

static int files_wanted;

static bool files_are_closed(struct stage *stage)
{
	(void)stage;
	return open_files() <= files_wanted;
}

static void set_up(void)
{
	pair = self_signed_make("EC", "DNS:mx.example.org", 9);
	ctx = SSL_CTX_new(TLS_client_method());
	ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256"), 1);
	ck_assert(
	    stage_start(&st, "certificate \"mx.example.org\" { chain = \"c\" key = \"k\" }", ""));
	connect_keys();
	stage_client_open(&st, &other, 2);
	stage_greet(&other);
}

static void tear_down(void)
{
	stage_client_close(&other);
	channel_free(keys);
	stage_stop(&st);
	SSL_CTX_free(ctx);
	self_signed_free(&pair);
}

/* ---- tests ------------------------------------------------------------------ */

/* RFC 8446 §5: a change_cipher_spec may come at any time from the first ClientHello on, and means
 * nothing. */
START_TEST(more_of_the_handshake_waits)
{
	begin(TLS1_3_VERSION);
	stage_say_octets(&client, STR("\x14\x03\x03\x00\x01\x01"));
	expect_at_rest();
	sign(0);
	finish_handshake();
	expect_helo_in_tls();
	end();
}
END_TEST

/* Nothing of it is a command, neither before TLS nor in it. */
START_TEST(junk_ends_the_handshake_when_its_turn_comes)
{
	files_wanted = open_files();
	begin(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	stage_say(&client, "NOOP\r\nMAIL FROM:<a@client.example>\r\n");
	expect_at_rest();
	ck_assert_int_eq(open_files(), files_wanted < 0 ? -1 : files_wanted + 1);
	sign(0);
	struct unit_patience patience;
	unit_patience_begin(&patience, STAGE_PATIENCE_MS);
	while (pump() && !patience.over)
		continue;
	ck_assert(unit_patience_end(&patience));
	ck_assert(stage_logged(&st, "disconnect from"));
	ck_assert(stage_until(&st, files_are_closed));
	end();
	expect_at_rest();
}
END_TEST

/* The signature comes for nobody, and once more; another handshake is none the worse. */
START_TEST(a_client_that_left_leaves_nothing)
{
	files_wanted = open_files();
	begin(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	end();
	expect_at_rest();
	sign(0);
	ck_assert(stage_logged(&st, "disconnect from"));
	ck_assert(stage_until(&st, files_are_closed));
	sign(0);
	expect_at_rest();
	begin(TLS1_3_VERSION);
	sign(0); /* that is not this one's */
	expect_at_rest();
	sign(1);
	finish_handshake();
	expect_helo_in_tls();
	end();
}
END_TEST

/* Another keys is asked the same again. */
START_TEST(keys_may_go_and_come)
{
	begin(TLS1_3_VERSION);
	channel_free(keys);
	connect_keys();
	await_question(2);
	ck_assert_uint_eq(asked[0].n, asked[1].n);
	ck_assert_mem_eq(asked[0].digest, asked[1].digest, asked[0].n);
	expect_at_rest();
	sign(1);
	finish_handshake();
	expect_helo_in_tls();
	end();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("signing");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, more_of_the_handshake_waits);
	tcase_add_loop_test(tc, junk_ends_the_handshake_when_its_turn_comes, 0, 2);
	tcase_add_loop_test(tc, a_client_that_left_leaves_nothing, 0, 2);
	tcase_add_test(tc, keys_may_go_and_come);
	return unit_run_case("smtpd while keys signs", tc);
}
