/* SPDX-License-Identifier: ISC
 *
 * What a listener speaks.
 */
#ifndef POSTERN_CONF_SPEAK_H
#define POSTERN_CONF_SPEAK_H

#include "common/conf-internal.h"

/* What a section "listen" says of it; NULL: nothing. */
struct conf_speech {
	struct str title;
	const char *protocol;
	const char *tls;
	const char *auth;
	const char *client_certificates;
	bool has_certificate; /* there is one that listeners may show */
};

/* Sets protocol, tls, auth and ask_certificate. False when there is a fault that leaves the
 * protocol unknown. `example` becomes an address to write. */
bool conf_read_speech(const struct conf_speech *speech, const struct conf_scan *scan, unsigned line,
    struct conf_listener *out, const char **example, struct conf_faults *faults);

#endif
