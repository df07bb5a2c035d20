/* SPDX-License-Identifier: ISC
 *
 * Which certificates are for whom: our listeners, deliver-remote, or both.
 */
#ifndef POSTERN_CONF_CLIENT_H
#define POSTERN_CONF_CLIENT_H

#include "common/conf-internal.h"

/* There is one that listeners may show. */
bool conf_has_server_certificate(const struct conf *conf);
/* Which of them deliver-remote shows; after conf_check_titled. */
void conf_check_client_certificates(
    struct conf *conf, const struct conf_scan *scan, struct conf_faults *faults);

#endif
