/* SPDX-License-Identifier: ISC */
#include "keys/pair.h"
#include "tests/unit/self-signed.h"
#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct pair pair;
static struct pair_fault fault;

static bool parse(const char *chain, const char *key)
{
	return pair_parse(str_from_cstr(chain), str_from_cstr(key), time(NULL), &pair, &fault);
}

static void refuses(const char *chain, const char *key, enum pair_file file, const char *why)
{
	ck_assert(!parse(chain, key));
	ck_assert_msg(strstr(fault.why, why) != NULL, "\"%s\" is not in \"%s\"", why, fault.why);
	ck_assert_int_eq(fault.file, file);
	ck_assert_ptr_null(pair.key);
	ck_assert_ptr_null(pair.chain);
}

static void count_name(void *ctx, struct str name)
{
	(void)name;
	++*(int *)ctx;
}

START_TEST(good_pairs_are_taken)
{
	const char *const kinds[] = {"EC", "RSA"};
	for (size_t i = 0; i < 2; i++) {
		struct self_signed s =
		    self_signed_make(kinds[i], "DNS:a.example,DNS:*.b.example", 9);
		int names = 0;
		ck_assert_msg(parse(s.certificate_text, s.key_text), "%s", fault.why);
		ck_assert_str_eq(fault.why, "");
		ck_assert(pair.is_rsa == (i == 1));
		pair_each_name(&pair, count_name, &names);
		ck_assert_int_eq(names, 2);
		pair_reset(&pair);
		self_signed_free(&s);
	}
}
END_TEST

START_TEST(an_old_certificate_is_a_warning)
{
	struct self_signed s = self_signed_make("EC", "DNS:a.example", -1);
	ck_assert(parse(s.certificate_text, s.key_text));
	ck_assert_ptr_nonnull(strstr(fault.why, "has expired"));
	ck_assert_int_eq(pair_time(&pair, time(NULL)), PAIR_EXPIRED);
	ck_assert_int_eq(pair_time(&pair, time(NULL) - 2L * 24 * 3600), PAIR_IN_TIME);
	ck_assert_int_eq(pair_time(&pair, time(NULL) - 101L * 24 * 3600), PAIR_EARLY);
	pair_reset(&pair);
	self_signed_free(&s);
}
END_TEST

START_TEST(bad_pairs_are_refused_with_a_reason)
{
	struct self_signed a = self_signed_make("EC", "DNS:a.example", 9);
	struct self_signed b = self_signed_make("EC", "DNS:a.example", 9);
	struct self_signed ed = self_signed_make("ED25519", "DNS:a.example", 9);
	struct self_signed rsa = self_signed_make("SHORT", "DNS:a.example", 9);
	char both[8192];
	refuses("", a.key_text, PAIR_CHAIN, "no certificate");
	refuses(a.key_text, a.key_text, PAIR_CHAIN, "no certificate");
	refuses(a.certificate_text, "", PAIR_KEY, "no private key");
	refuses(a.certificate_text, a.certificate_text, PAIR_KEY, "no private key");
	refuses(a.certificate_text, b.key_text, PAIR_KEY, "not the key of the certificate");
	refuses(ed.certificate_text, ed.key_text, PAIR_KEY, "Ed25519");
	refuses(rsa.certificate_text, rsa.key_text, PAIR_KEY, "less than 2048 bits");
	snprintf(both, sizeof(both),
	    "%s-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", a.certificate_text);
	refuses(both, a.key_text, PAIR_CHAIN, "damaged");
	snprintf(both, sizeof(both), "%s%s", a.certificate_text, rsa.certificate_text);
	refuses(both, a.key_text, PAIR_CHAIN, "not in order");
	self_signed_free(&a);
	self_signed_free(&b);
	self_signed_free(&ed);
	self_signed_free(&rsa);
}
END_TEST

START_TEST(a_passphrase_is_refused)
{
	struct self_signed s = self_signed_make("EC", "DNS:a.example", 9);
	BIO *bio = BIO_new(BIO_s_mem());
	char *at, text[4096];
	PEM_write_bio_PrivateKey(
	    bio, s.key, EVP_aes_128_cbc(), (const unsigned char *)"x", 1, NULL, NULL);
	long n = BIO_get_mem_data(bio, &at);
	snprintf(text, sizeof(text), "%.*s", (int)n, at);
	refuses(s.certificate_text, text, PAIR_KEY, "passphrase");
	BIO_free(bio);
	self_signed_free(&s);
}
END_TEST

/* Half-written files. */
START_TEST(every_prefix_is_refused_or_whole)
{
	struct self_signed s = self_signed_make("EC", "DNS:a.example", 9);
	struct str chain = str_from_cstr(s.certificate_text), key = str_from_cstr(s.key_text);
	for (size_t cut = 0; cut + 2 < chain.n; cut++) {
		struct str in = unit_copy(str_head(chain, cut));
		ck_assert(!pair_parse(in, key, time(NULL), &pair, &fault));
		ck_assert_str_ne(fault.why, "");
		unit_free(in);
	}
	for (size_t cut = 0; cut + 2 < key.n; cut++) {
		struct str in = unit_copy(str_head(key, cut));
		ck_assert(!pair_parse(chain, in, time(NULL), &pair, &fault));
		ck_assert_str_ne(fault.why, "");
		unit_free(in);
	}
	self_signed_free(&s);
}
END_TEST

static bool verifies(EVP_PKEY *key, const struct tls_scheme *scheme, struct str digest,
    const uint8_t *signature, size_t n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	ck_assert_int_eq(EVP_PKEY_verify_init(ctx), 1);
	EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(scheme->hash));
	if (scheme->kind == TLS_SCHEME_PSS) {
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST);
	}
	bool ok = EVP_PKEY_verify(ctx, signature, n, (const uint8_t *)digest.p, digest.n) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

START_TEST(digests_are_signed_by_schemes_that_fit)
{
	const char *const kinds[] = {"EC", "RSA"};
	static const char octets[DIGEST_MAX + 1] = "a digest, as far as anybody can tell";
	uint8_t signature[SIGNATURE_MAX];
	for (size_t i = 0; i < 2; i++) {
		struct self_signed s = self_signed_make(kinds[i], "DNS:a.example", 9);
		unsigned fitting = 0;
		ck_assert(parse(s.certificate_text, s.key_text));
		for (unsigned code = 0; code <= UINT16_MAX; code++) {
			const struct tls_scheme *scheme = tls_scheme_find((uint16_t)code);
			if (scheme == NULL)
				continue;
			struct str digest = str_from(octets, scheme->digest);
			size_t n = pair_sign(&pair, scheme, digest, signature);
			bool fits = (scheme->kind == TLS_SCHEME_ECDSA) == (i == 0);
			ck_assert(fits == (n > 0));
			ck_assert(!fits || verifies(s.key, scheme, digest, signature, n));
			fitting += fits;
			for (size_t k = 0; k <= DIGEST_MAX; k++)
				if (k != scheme->digest)
					ck_assert_uint_eq(pair_sign(&pair, scheme,
							      str_from(octets, k), signature),
					    0);
		}
		ck_assert_uint_eq(fitting, i == 0 ? 3 : 6);
		pair_reset(&pair);
		self_signed_free(&s);
	}
}
END_TEST

UNIT_MAIN("pair", good_pairs_are_taken, an_old_certificate_is_a_warning,
    bad_pairs_are_refused_with_a_reason, a_passphrase_is_refused, every_prefix_is_refused_or_whole,
    digests_are_signed_by_schemes_that_fit)
