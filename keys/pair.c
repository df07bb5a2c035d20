/* SPDX-License-Identifier: ISC */
#include "keys/pair.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static bool refuse(struct pair_fault *f, enum pair_file file, const char *why)
{
	f->file = file;
	snprintf(f->why, sizeof(f->why), "%s", why);
	ERR_clear_error();
	return false;
}

static BIO *open_text(struct str text)
{
	return BIO_new_mem_buf(text.p == NULL ? "" : text.p, (int)text.n);
}

/* ---- the chain -------------------------------------------------------------------- */

static bool add_certificate(struct pair *pair, X509 *certificate, struct pair_fault *f)
{
	bool fits = i2d_X509(certificate, NULL) <= CERTIFICATE_MAX;
	if (fits && sk_X509_num(pair->chain) < IDENTITY_CHAIN_MAX &&
	    sk_X509_push(pair->chain, certificate) > 0)
		return true;
	X509_free(certificate);
	return refuse(f, PAIR_CHAIN,
	    fits ? "there are more than 8 certificates in it"
		 : "a certificate in it has more than 16 KiB");
}

static bool read_chain(struct pair *pair, struct str text, struct pair_fault *f)
{
	BIO *in = open_text(text);
	X509 *certificate;
	bool ok = true;
	pair->chain = sk_X509_new_null();
	while (ok && (certificate = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL)
		ok = add_certificate(pair, certificate, f);
	unsigned long error = ERR_peek_last_error();
	BIO_free(in);
	bool at_end =
	    ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
	if (ok && sk_X509_num(pair->chain) == 0)
		return refuse(f, PAIR_CHAIN, "there is no certificate in it (PEM is wanted)");
	if (ok && !at_end)
		return refuse(f, PAIR_CHAIN, "a certificate in it is damaged");
	ERR_clear_error();
	return ok;
}

/* Each certificate is followed by the one that signed it. */
static bool check_order(const struct pair *pair, struct pair_fault *f)
{
	for (int i = 0; i + 1 < sk_X509_num(pair->chain); i++)
		if (X509_check_issued(sk_X509_value(pair->chain, i + 1),
			sk_X509_value(pair->chain, i)) != X509_V_OK)
			return refuse(f, PAIR_CHAIN,
			    "its certificates are not in order: each must be followed by the one "
			    "that "
			    "certifies it");
	return true;
}

enum pair_time pair_time(const struct pair *pair, int64_t now)
{
	const X509 *leaf = sk_X509_value(pair->chain, 0);
	time_t t = (time_t)now;
	if (X509_cmp_time(X509_get0_notAfter(leaf), &t) < 0)
		return PAIR_EXPIRED;
	return X509_cmp_time(X509_get0_notBefore(leaf), &t) > 0 ? PAIR_EARLY : PAIR_IN_TIME;
}

const char *pair_time_text(enum pair_time time)
{
	if (time == PAIR_EXPIRED)
		return "the certificate has expired: get a new one";
	return time == PAIR_EARLY
		   ? "the certificate is not valid yet: is the clock of this machine right?"
		   : "";
}

/* ---- the key ---------------------------------------------------------------------- */

static int no_passphrase(char *to, int size, int writing, void *seen)
{
	(void)to;
	(void)size;
	(void)writing;
	*(bool *)seen = true;
	return -1;
}

static bool check_kind(struct pair *pair, struct pair_fault *f)
{
	int bits = EVP_PKEY_get_bits(pair->key);
	pair->is_rsa = EVP_PKEY_is_a(pair->key, "RSA");
	if (EVP_PKEY_is_a(pair->key, "ED25519") || EVP_PKEY_is_a(pair->key, "ED448"))
		return refuse(f, PAIR_KEY,
		    "it is an Ed25519 or Ed448 key, which signs whole messages and not digests: "
		    "make an "
		    "ECDSA key (prime256v1) or an RSA key");
	if (pair->is_rsa && bits < PAIR_RSA_BITS_MIN)
		return refuse(
		    f, PAIR_KEY, "it is an RSA key of less than 2048 bits: make a new one");
	if (pair->is_rsa && bits > PAIR_RSA_BITS_MAX)
		return refuse(
		    f, PAIR_KEY, "it is an RSA key of more than 8192 bits: make a new one");
	if (pair->is_rsa)
		return true;
	if (!EVP_PKEY_is_a(pair->key, "EC"))
		return refuse(f, PAIR_KEY, "it is neither an RSA nor an ECDSA key");
	char curve[32] = "";
	EVP_PKEY_get_group_name(pair->key, curve, sizeof(curve), NULL);
	if (strcmp(curve, "prime256v1") != 0 && strcmp(curve, "secp384r1") != 0 &&
	    strcmp(curve, "secp521r1") != 0)
		return refuse(f, PAIR_KEY,
		    "its curve is none of TLS: make a key on prime256v1, which every client knows");
	return true;
}

static bool read_key(struct pair *pair, struct str text, struct pair_fault *f)
{
	bool encrypted = false;
	BIO *in = open_text(text);
	pair->key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, &encrypted);
	BIO_free(in);
	if (pair->key != NULL)
		return check_kind(pair, f);
	if (encrypted)
		return refuse(f, PAIR_KEY,
		    "the key has a passphrase, which nobody could type when the server starts: "
		    "take it "
		    "off (openssl pkey)");
	return refuse(f, PAIR_KEY, "there is no private key in it (PEM is wanted)");
}

static bool check_match(const struct pair *pair, struct pair_fault *f)
{
	const EVP_PKEY *shown = X509_get0_pubkey(sk_X509_value(pair->chain, 0));
	if (shown != NULL && EVP_PKEY_eq(shown, pair->key) == 1)
		return true;
	return refuse(f, PAIR_KEY,
	    "it is not the key of the certificate, or the certificate is not the first one in its "
	    "file");
}

/* ---- both ------------------------------------------------------------------------- */

bool pair_parse(
    struct str chain, struct str key, int64_t now, struct pair *pair, struct pair_fault *fault)
{
	*pair = (struct pair){.chain = NULL};
	*fault = (struct pair_fault){.why = ""};
	ERR_clear_error();
	if (read_chain(pair, chain, fault) && check_order(pair, fault) &&
	    read_key(pair, key, fault) && check_match(pair, fault)) {
		fault->file = PAIR_CHAIN;
		snprintf(fault->why, sizeof(fault->why), "%s", pair_time_text(pair_time(pair, now)));
		return true;
	}
	pair_reset(pair);
	return false;
}

void pair_reset(struct pair *pair)
{
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	EVP_PKEY_CTX_free(pair->signing);
	*pair = (struct pair){.chain = NULL};
}

void pair_each_name(const struct pair *pair, void (*fn)(void *ctx, struct str name), void *ctx)
{
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(sk_X509_value(pair->chain, 0), NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type == GEN_DNS)
			fn(ctx, str_from((const char *)ASN1_STRING_get0_data(name->d.dNSName),
				    (size_t)ASN1_STRING_length(name->d.dNSName)));
	}
	GENERAL_NAMES_free(names);
	ERR_clear_error();
}

static bool fits(const struct pair *pair, const struct tls_scheme *scheme, struct str digest)
{
	return digest.n == scheme->digest && pair->is_rsa == (scheme->kind != TLS_SCHEME_ECDSA);
}

static bool set_scheme(EVP_PKEY_CTX *ctx, const struct tls_scheme *scheme)
{
	if (EVP_PKEY_CTX_set_signature_md(ctx, EVP_get_digestbyname(scheme->hash)) <= 0)
		return false;
	if (scheme->kind == TLS_SCHEME_PSS)
		return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) > 0;
	return scheme->kind != TLS_SCHEME_PKCS1 ||
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0;
}

static void forget_signing(struct pair *pair)
{
	EVP_PKEY_CTX_free(pair->signing);
	pair->signing = NULL;
}

/* Finding the algorithm costs OpenSSL as much as half a signature by P-256, and most clients want
 * the same scheme. */
static bool prepare_signing(struct pair *pair, const struct tls_scheme *scheme)
{
	if (pair->signing != NULL && pair->scheme == scheme)
		return true;
	forget_signing(pair);
	pair->signing = EVP_PKEY_CTX_new(pair->key, NULL);
	pair->scheme = scheme;
	return pair->signing != NULL && EVP_PKEY_sign_init(pair->signing) > 0 &&
	       set_scheme(pair->signing, scheme);
}

size_t pair_sign(
    struct pair *pair, const struct tls_scheme *scheme, struct str digest, uint8_t *out)
{
	size_t n = SIGNATURE_MAX;
	if (!fits(pair, scheme, digest))
		return 0;
	bool ok = prepare_signing(pair, scheme) &&
		  EVP_PKEY_sign(pair->signing, out, &n, (const uint8_t *)digest.p, digest.n) > 0;
	if (!ok)
		forget_signing(pair);
	ERR_clear_error();
	return ok ? n : 0;
}
