/* SPDX-License-Identifier: ISC
 *
 * The client of keys: what we may show, what tickets are made with, and signatures. One
 * for the process.
 */
#ifndef POSTERN_TLS_KEYS_H
#define POSTERN_TLS_KEYS_H

#include "common/msg-keys.h"

/* Called when keys has told what certificates there are now. */
typedef void tls_keys_changed_fn(void);

/* Before the jail: OpenSSL, and the provider. */
void tls_keys_setup(tls_keys_changed_fn *changed);
/* A fresh channel; takes fd. What was asked and not answered is asked again. */
void tls_keys_connect(int fd);
/* keys has told what there is, be it nothing. */
bool tls_keys_are_known(void);

#endif
