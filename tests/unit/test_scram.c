/* SPDX-License-Identifier: ISC */
#include "common/base64.h"
#include "common/scram.h"
#include "directory/sasl.h"
#include "tests/unit/unit.h"

#include <openssl/evp.h>

/* RFC 7677 §3 */
#define USER	     "user"
#define PASSWORD     "pencil"
#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define OUR_NONCE    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT	     "W22ZaJ0SNY7soEsUEjb6gQ=="
#define FIRST	     "n,,n=user,r=" CLIENT_NONCE
#define SERVER_FIRST "r=" CLIENT_NONCE OUR_NONCE ",s=" SALT ",i=4096"
#define FINAL	     "c=biws,r=" CLIENT_NONCE OUR_NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

static struct scram_keys keys_of(const char *password)
{
	struct scram_keys k = {.iterations = 4096};
	ck_assert(base64_decode(STR(SALT), k.salt, sizeof(k.salt), &k.salt_size));
	ck_assert(scram_derive(str_from_cstr(password), &k));
	return k;
}

START_TEST(client_speaks_as_the_rfc_does)
{
	struct scram_client c;
	struct buf out = BUF_INIT(SCRAM_MESSAGE_MAX);
	scram_client_init(&c);
	ck_assert(scram_client_first(&c, STR(USER), CLIENT_NONCE, &out));
	ck_assert(str_eq(buf_str(&out), STR(FIRST)));
	buf_reset(&out);
	ck_assert(scram_client_final(&c, STR(SERVER_FIRST), STR(PASSWORD), &out));
	ck_assert(str_eq(buf_str(&out), STR(FINAL)));
	ck_assert(scram_client_verify(&c, STR(SERVER_FINAL)));
	ck_assert(!scram_client_verify(&c, STR("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
	ck_assert(!scram_client_verify(&c, STR("e=other-error")));
	for (size_t n = 0; n < sizeof(SERVER_FINAL) - 1; n++)
		ck_assert(!scram_client_verify(&c, str_head(STR(SERVER_FINAL), n)));
	scram_client_reset(&c);
	buf_release(&out);
}
END_TEST

/* The client's side and the keys of one password, each in another form of it. */
START_TEST(client_sends_the_prepared_form)
{
	const struct sasl_binding none = {.plus_offered = false};
	const struct scram_keys keys = keys_of("p\xc3\xa4ssw\xc3\xb6rd \xc2\xa9");
	struct scram_client c;
	struct sasl s;
	struct buf out = BUF_INIT(SCRAM_MESSAGE_MAX);
	scram_client_init(&c);
	sasl_init(&s, AUTH_SCRAM_SHA_256, &none, "012345678901234567890123");
	ck_assert(scram_client_first(&c, STR("ba\xcc\x88r,"), CLIENT_NONCE, &out));
	ck_assert(str_eq(buf_str(&out), STR("n,,n=b\xc3\xa4r=2C,r=" CLIENT_NONCE)));
	const struct str first = buf_str(&out);
	ck_assert_int_eq(sasl_begin(&s, &first), SASL_KEYS);
	ck_assert_int_eq(sasl_keys(&s, &keys, true), SASL_CHALLENGE);
	buf_reset(&out);
	ck_assert(scram_client_final(&c, buf_str(&s.out),
	    STR("pa\xcc\x88sswo\xcc\x88rd\xc2\xa0\xc2\xa9"), &out));
	ck_assert_int_eq(sasl_response(&s, buf_str(&out)), SASL_PROVED);
	ck_assert(scram_client_verify(&c, buf_str(&s.out)));
	sasl_reset(&s);
	scram_client_reset(&c);
	buf_release(&out);
}
END_TEST

/* Whatever a server says first that is wrong, no proof leaves. */
START_TEST(client_trusts_no_server_first)
{
	static const char *const wrong[] = {"", "r=" CLIENT_NONCE ",s=" SALT ",i=4096",
	    "r=x" CLIENT_NONCE OUR_NONCE ",s=" SALT ",i=4096",
	    "r=" CLIENT_NONCE OUR_NONCE ",s=" SALT ",i=4095",
	    "r=" CLIENT_NONCE OUR_NONCE ",s=" SALT ",i=4294967295",
	    "r=" CLIENT_NONCE OUR_NONCE ",s=" SALT ",i=", "r=" CLIENT_NONCE OUR_NONCE ",s=,i=4096",
	    "r=" CLIENT_NONCE OUR_NONCE ",s=W22=,i=4096",
	    "m=x,r=" CLIENT_NONCE OUR_NONCE ",s=" SALT ",i=4096"};
	struct buf out = BUF_INIT(SCRAM_MESSAGE_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct scram_client c;
		scram_client_init(&c);
		ck_assert(scram_client_first(&c, STR(USER), CLIENT_NONCE, &out));
		ck_assert_msg(!scram_client_final(&c, str_from_cstr(wrong[i]), STR(PASSWORD), &out),
		    "%s", wrong[i]);
		scram_client_reset(&c);
		buf_reset(&out);
	}
	buf_release(&out);
}
END_TEST

static const struct sasl_binding unbound;
static const struct sasl_binding bound = {.exporter = {"0123456789abcdef0123456789abcdef", 32},
    .endpoint = {"ENDPOINT", 8},
    .plus_offered = true};

/* The server's nonce of the RFC is longer than ours; it is put in its place. */
static void start(struct sasl *s, unsigned mechanism, const struct sasl_binding *b)
{
	sasl_init(s, mechanism, b, "012345678901234567890123");
}

static enum sasl_next respond(struct sasl *s, const char *text)
{
	return sasl_response(s, str_from_cstr(text));
}

START_TEST(server_lets_the_rfcs_client_in)
{
	struct scram_keys k = keys_of(PASSWORD);
	struct sasl s;
	start(&s, AUTH_SCRAM_SHA_256, &unbound);
	ck_assert_int_eq(sasl_begin(&s, &STR(FIRST)), SASL_KEYS);
	ck_assert(str_eq(sasl_user(&s), STR(USER)));
	memcpy(s.nonce, CLIENT_NONCE OUR_NONCE, sizeof(CLIENT_NONCE OUR_NONCE));
	s.nonce_size = sizeof(CLIENT_NONCE OUR_NONCE) - 1;
	ck_assert_int_eq(sasl_keys(&s, &k, true), SASL_CHALLENGE);
	ck_assert(str_eq(buf_str(&s.out), STR(SERVER_FIRST)));
	ck_assert_int_eq(respond(&s, FINAL), SASL_PROVED);
	ck_assert(str_eq(buf_str(&s.out), STR(SERVER_FINAL)));
	ck_assert_int_eq(respond(&s, FINAL), SASL_REFUSED);
	sasl_reset(&s);
}
END_TEST

/* A client of ours, but for its gs2-header, against a server of ours. */
struct talk {
	unsigned mechanism;
	const struct sasl_binding *binding;
	const char *header; /* in place of "n,," */
	const char *password;
	bool unknown;
};

static enum sasl_next talk(const struct talk *t)
{
	struct scram_keys k = keys_of(PASSWORD);
	struct scram_client c;
	struct sasl s;
	struct buf out = BUF_INIT(SCRAM_MESSAGE_MAX), first = BUF_INIT(SCRAM_MESSAGE_MAX);
	scram_client_init(&c);
	start(&s, t->mechanism, t->binding);
	ck_assert(scram_client_first(&c, STR(USER), NULL, &out));
	buf_append_str(&first, str_from_cstr(t->header == NULL ? "n,," : t->header));
	buf_append_str(&first, str_skip(buf_str(&out), 3));
	buf_reset(&out);
	enum sasl_next next = sasl_begin(&s, &(struct str){(char *)first.p, first.end});
	if (next == SASL_KEYS) {
		ck_assert_int_eq(sasl_keys(&s, &k, !t->unknown), SASL_CHALLENGE);
		ck_assert(
		    scram_client_final(&c, buf_str(&s.out), str_from_cstr(t->password), &out));
		next = sasl_response(&s, buf_str(&out));
		ck_assert(next != SASL_PROVED || scram_client_verify(&c, buf_str(&s.out)));
	}
	scram_client_reset(&c);
	sasl_reset(&s);
	buf_release(&out);
	buf_release(&first);
	return next;
}

START_TEST(who_is_let_in)
{
	static const struct {
		struct talk talk;
		enum sasl_next next;
	} rows[] = {
	    {{AUTH_SCRAM_SHA_256, &unbound, NULL, PASSWORD, false}, SASL_PROVED},
	    {{AUTH_SCRAM_SHA_256, &unbound, NULL, "pencils", false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256, &unbound, NULL, PASSWORD, true}, SASL_REFUSED},
	    /* Without binding where it is offered: allowed to who says that it cannot. */
	    {{AUTH_SCRAM_SHA_256, &bound, NULL, PASSWORD, false}, SASL_PROVED},
	    /* A downgrade. */
	    {{AUTH_SCRAM_SHA_256, &bound, "y,,", PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256, &bound, "p=tls-exporter,,", PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256_PLUS, &bound, NULL, PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256_PLUS, &bound, "p=tls-unique,,", PASSWORD, false}, SASL_REFUSED},
	    /* "c=" is not that of the header. */
	    {{AUTH_SCRAM_SHA_256_PLUS, &bound, "p=tls-exporter,,", PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256, &unbound, "y,,", PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256, &unbound, "n,a=,", PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256, &unbound, "x,,", PASSWORD, false}, SASL_REFUSED},
	    {{AUTH_SCRAM_SHA_256, &unbound, "n,,m=x,", PASSWORD, false}, SASL_REFUSED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(talk(&rows[i].talk) == rows[i].next, "row %zu", i);
}
END_TEST

/* Signs an exchange with a header and binding of the test's choice. */
static enum sasl_next bind(const char *type, struct str data, const struct sasl_binding *b)
{
	struct scram_keys k = keys_of(PASSWORD);
	struct sasl s;
	struct buf m = BUF_INIT(SCRAM_MESSAGE_MAX), c = BUF_INIT(512), final = BUF_INIT(1024);
	start(&s, AUTH_SCRAM_SHA_256_PLUS, b);
	buf_printf(&m, "p=%s,,n=user,r=abc", type);
	if (sasl_begin(&s, &(struct str){(char *)m.p, m.end}) != SASL_KEYS) {
		sasl_reset(&s);
		buf_release(&m);
		return SASL_REFUSED;
	}
	sasl_keys(&s, &k, true);
	buf_printf(&c, "p=%s,,", type);
	buf_append_str(&c, data);
	buf_append_str(&final, STR("c="));
	base64_encode(&final, c.p, c.end);
	buf_printf(&final, ",r=abc012345678901234567890123");
	/* What a client that knows the password signs. */
	uint8_t salted[32], key[32], stored_sig[32], proof[32];
	struct buf message = BUF_INIT(4096);
	buf_append_str(&message, buf_str(&s.auth_message));
	buf_append_str(&message, buf_str(&final));
	scram_hmac(k.stored, buf_str(&message), stored_sig);
	PKCS5_PBKDF2_HMAC(PASSWORD, 6, k.salt, (int)k.salt_size, 4096, EVP_sha256(), 32, salted);
	scram_hmac(salted, STR("Client Key"), key);
	for (size_t i = 0; i < 32; i++)
		proof[i] = key[i] ^ stored_sig[i];
	buf_append_str(&final, STR(",p="));
	base64_encode(&final, proof, 32);
	enum sasl_next next = sasl_response(&s, buf_str(&final));
	sasl_reset(&s);
	buf_release(&m);
	buf_release(&c);
	buf_release(&final);
	buf_release(&message);
	return next;
}

START_TEST(channel_bindings)
{
	ck_assert_int_eq(bind("tls-exporter", bound.exporter, &bound), SASL_PROVED);
	ck_assert_int_eq(bind("tls-server-end-point", bound.endpoint, &bound), SASL_PROVED);
	ck_assert_int_eq(bind("tls-server-end-point", bound.exporter, &bound), SASL_REFUSED);
	ck_assert_int_eq(bind("tls-exporter", STR(""), &bound), SASL_REFUSED);
	ck_assert_int_eq(bind("tls-unique", STR("x"), &bound), SASL_REFUSED);
	ck_assert_int_eq(bind("tls-exporter", STR("x"), &unbound), SASL_REFUSED);
}
END_TEST

/* No prefix of a right message is one, but for the first, whose end may be the nonce's. */
START_TEST(prefixes)
{
	struct scram_keys k = keys_of(PASSWORD);
	struct str first = STR(FIRST), final = STR(FINAL);
	for (size_t n = 0; n <= first.n - sizeof(CLIENT_NONCE); n++) {
		struct sasl s;
		struct str part = str_head(first, n);
		start(&s, AUTH_SCRAM_SHA_256, &unbound);
		ck_assert_int_eq(sasl_begin(&s, &part), SASL_REFUSED);
		ck_assert_ptr_nonnull(s.why);
		sasl_reset(&s);
	}
	for (size_t n = 0; n < final.n; n++) {
		struct sasl s;
		start(&s, AUTH_SCRAM_SHA_256, &unbound);
		ck_assert_int_eq(sasl_begin(&s, &first), SASL_KEYS);
		memcpy(s.nonce, CLIENT_NONCE OUR_NONCE, sizeof(CLIENT_NONCE OUR_NONCE));
		s.nonce_size = sizeof(CLIENT_NONCE OUR_NONCE) - 1;
		ck_assert_int_eq(sasl_keys(&s, &k, true), SASL_CHALLENGE);
		ck_assert_int_eq(sasl_response(&s, str_head(final, n)), SASL_REFUSED);
		sasl_reset(&s);
	}
}
END_TEST

static enum sasl_next plain(struct sasl *s, struct str message)
{
	start(s, AUTH_PLAIN, &unbound);
	return sasl_begin(s, &message);
}

START_TEST(plain_messages)
{
	static const struct str wrong[] = {STR(""), STR("ann"), STR("\0"), STR("\0ann"),
	    STR("\0ann\0"), STR("\0\0secret"), STR("\0ann\0sec\0ret")};
	struct sasl s;
	ck_assert_int_eq(plain(&s, STR("\0ann\0secret")), SASL_PASSWORD);
	ck_assert(str_eq(sasl_user(&s), STR("ann")) && s.as_size == 0);
	ck_assert(str_eq(str_from(s.password, s.password_size), STR("secret")));
	sasl_reset(&s);
	ck_assert_int_eq(s.password[0], 0);
	ck_assert_int_eq(plain(&s, STR("bob\0ann\0secret")), SASL_PASSWORD);
	ck_assert(str_eq(str_from(s.as, s.as_size), STR("bob")));
	sasl_reset(&s);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(plain(&s, wrong[i]) == SASL_REFUSED, "row %zu", i);
		sasl_reset(&s);
	}
	start(&s, AUTH_PLAIN, &unbound);
	ck_assert_int_eq(sasl_begin(&s, NULL), SASL_CHALLENGE);
	ck_assert_uint_eq(buf_len(&s.out), 0);
	ck_assert_int_eq(sasl_response(&s, STR("\0ann\0secret")), SASL_PASSWORD);
	ck_assert_int_eq(sasl_response(&s, STR("\0ann\0secret")), SASL_REFUSED);
	sasl_reset(&s);
}
END_TEST

START_TEST(lengths)
{
	char m[2048];
	struct sasl s;
	memset(m, 'x', sizeof(m));
	m[0] = m[LOGIN_MAX + 1] = '\0';
	ck_assert_int_eq(plain(&s, str_from(m, LOGIN_MAX + 2 + PASSWORD_MAX)), SASL_PASSWORD);
	ck_assert_uint_eq(s.user_size, LOGIN_MAX);
	ck_assert_uint_eq(s.password_size, PASSWORD_MAX);
	sasl_reset(&s);
	ck_assert_int_eq(plain(&s, str_from(m, LOGIN_MAX + 3 + PASSWORD_MAX)), SASL_REFUSED);
	sasl_reset(&s);
	m[LOGIN_MAX + 1] = 'x';
	m[LOGIN_MAX + 2] = '\0';
	ck_assert_int_eq(plain(&s, str_from(m, LOGIN_MAX + 9)), SASL_REFUSED);
	sasl_reset(&s);
}
END_TEST

START_TEST(login_messages)
{
	struct sasl s;
	start(&s, AUTH_LOGIN, &unbound);
	ck_assert_int_eq(sasl_begin(&s, NULL), SASL_CHALLENGE);
	ck_assert(str_eq(buf_str(&s.out), STR("Username:")));
	ck_assert_int_eq(respond(&s, "ann"), SASL_CHALLENGE);
	ck_assert(str_eq(buf_str(&s.out), STR("Password:")));
	ck_assert_int_eq(respond(&s, "secret"), SASL_PASSWORD);
	ck_assert(str_eq(sasl_user(&s), STR("ann")));
	sasl_reset(&s);
	start(&s, AUTH_LOGIN, &unbound);
	ck_assert_int_eq(sasl_begin(&s, &STR("ann")), SASL_CHALLENGE);
	ck_assert(str_eq(buf_str(&s.out), STR("Password:")));
	ck_assert_int_eq(respond(&s, ""), SASL_REFUSED);
	sasl_reset(&s);
	start(&s, AUTH_LOGIN, &unbound);
	ck_assert_int_eq(sasl_begin(&s, &STR("")), SASL_REFUSED);
	sasl_reset(&s);
}
END_TEST

START_TEST(names_with_commas)
{
	struct sasl s;
	start(&s, AUTH_SCRAM_SHA_256, &unbound);
	ck_assert_int_eq(sasl_begin(&s, &STR("n,a=b=2Cc,n=a=3Db=2C,r=x")), SASL_KEYS);
	ck_assert(str_eq(sasl_user(&s), STR("a=b,")));
	ck_assert(str_eq(str_from(s.as, s.as_size), STR("b,c")));
	sasl_reset(&s);
	start(&s, AUTH_SCRAM_SHA_256, &unbound);
	ck_assert_int_eq(sasl_begin(&s, &STR("n,,n=a=3db,r=x")), SASL_REFUSED);
	sasl_reset(&s);
}
END_TEST

START_TEST(base64_is_strict)
{
	static const char *const wrong[] = {"A", "AB", "ABC",
	    "QQ=", "QR==", "QQ==QQ==", " QQ==", "QQ== ", "QQ==\n",
	    "Q===", "====", "QUI=QUI=", "QU-_", "QUJ=", "=QQ="};
	uint8_t out[16];
	size_t n;
	ck_assert(base64_decode(STR("QQ=="), out, sizeof(out), &n) && n == 1 && out[0] == 'A');
	ck_assert(base64_decode(STR("AAAA"), out, sizeof(out), &n) && n == 3);
	ck_assert(base64_decode(STR(""), out, sizeof(out), &n) && n == 0);
	ck_assert(!base64_decode(STR("QUFBQUFBQUFBQUFBQUFBQUE="), out, sizeof(out), &n));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(
		    !base64_decode(str_from_cstr(wrong[i]), out, sizeof(out), &n), "%s", wrong[i]);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("scram");
	tcase_add_test(c, client_speaks_as_the_rfc_does);
	tcase_add_test(c, client_sends_the_prepared_form);
	tcase_add_test(c, client_trusts_no_server_first);
	tcase_add_test(c, server_lets_the_rfcs_client_in);
	tcase_add_test(c, who_is_let_in);
	tcase_add_test(c, channel_bindings);
	tcase_add_test(c, prefixes);
	tcase_add_test(c, plain_messages);
	tcase_add_test(c, lengths);
	tcase_add_test(c, login_messages);
	tcase_add_test(c, names_with_commas);
	tcase_add_test(c, base64_is_strict);
	return unit_run_case("scram", c);
}
