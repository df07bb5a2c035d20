/* SPDX-License-Identifier: ISC */
#include "tests/unit/self-signed.h"
#include "tests/unit/unit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

static EVP_PKEY *new_key(const char *kind)
{
	if (strcmp(kind, "EC") == 0)
		return EVP_EC_gen("P-256");
	if (strcmp(kind, "RSA") == 0)
		return EVP_RSA_gen(2048);
	if (strcmp(kind, "SHORT") == 0)
		return EVP_RSA_gen(1024);
	return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

static char *text_of(BIO *bio)
{
	char *at;
	long n = BIO_get_mem_data(bio, &at);
	char *copy = str_dup(str_from(at, (size_t)n));
	BIO_free(bio);
	return copy;
}

struct self_signed self_signed_make(const char *kind, const char *names, long days)
{
	return self_signed_from(kind, names, -100, days);
}

struct self_signed self_signed_from(const char *kind, const char *names, long from, long days)
{
	struct self_signed s = {.key = new_key(kind)};
	X509 *x = X509_new();
	X509V3_CTX ctx;
	ck_assert_ptr_nonnull(s.key);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), from * 24 * 3600);
	X509_gmtime_adj(X509_getm_notAfter(x), days * 24 * 3600);
	X509_set_pubkey(x, s.key);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(x), "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, names);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	bool ed = strcmp(kind, "ED25519") == 0;
	ck_assert_int_gt(X509_sign(x, s.key, ed ? NULL : EVP_sha256()), 0);
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(bio, x);
	s.certificate_text = text_of(bio);
	bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, s.key, NULL, NULL, 0, NULL, NULL);
	s.key_text = text_of(bio);
	X509_free(x);
	return s;
}

void self_signed_free(struct self_signed *s)
{
	EVP_PKEY_free(s->key);
	free(s->certificate_text);
	free(s->key_text);
}
