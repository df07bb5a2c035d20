/* SPDX-License-Identifier: ISC
 *
 * The client of keys: what we may show, what tickets are made with, and signatures. One
 * for the process.
 */
#ifndef POSTERN_TLS_KEYS_H
#define POSTERN_TLS_KEYS_H

#include "common/conf-listener.h"
#include "common/msg-keys.h"

#include <openssl/x509.h>

/* Called when keys has told what certificates there are now. */
typedef void tls_keys_changed_fn(void);

/* Before the jail: OpenSSL, and the provider. */
void tls_keys_setup(tls_keys_changed_fn *changed);
/* A fresh channel; takes fd. What was asked and not answered is asked again. */
void tls_keys_connect(int fd);
/* keys has told what there is, be it nothing. */
bool tls_keys_are_known(void);
/* Whether clients of a listener had better wait for what keys is about to tell: at a start, and
 * where nothing but TLS is spoken also while there is no certificate, as after a reload that brings
 * the first one. How long is the caller's to bound. */
bool tls_keys_are_awaited(enum conf_tls tls);

/* What can be shown. */
struct tls_identity {
	uint32_t id;
	char **names; /* the section's first */
	size_t name_count;
	STACK_OF(X509) * chain; /* the leaf first */
	EVP_PKEY *key;		/* signs by asking keys, within a tls_job */
};

/* All of the chain but the leaf: a stack of the caller's, certificates of the identity's. */
STACK_OF(X509) * tls_identity_issuers(const struct tls_identity *id);

struct tls_identities {
	struct tls_identity *list;
	size_t count;
};
/* The newest whole set, until keys tells of another. */
const struct tls_identities *tls_keys_identities(void);

#endif
