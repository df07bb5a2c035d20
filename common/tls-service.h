/* SPDX-License-Identifier: ISC
 *
 * What the connections of one service have in common in TLS: certificates by the name
 * that the client asks for, of each kind of key the one it can use; the service's own
 * session tickets; its application protocol (ALPN, RFC 7301). TLS 1.2 and 1.3, forward
 * secret ciphers with authentication, no compression, no renegotiation.
 */
#ifndef POSTERN_TLS_SERVICE_H
#define POSTERN_TLS_SERVICE_H

#include "common/answers.h"

#include <stdbool.h>

struct tls_service;

/* Lives as long as the process. `ask_certificate`: of the client; such sessions are not resumed by
 * listeners that do not, nor the other way round. */
struct tls_service *tls_service_get(enum tls_service_id id, bool ask_certificate);
/* There is a certificate to show. */
bool tls_service_is_ready(const struct tls_service *service);
/* With the certificates that tls-keys.h has now, for connections to come. */
void tls_services_refresh(void);

#endif
