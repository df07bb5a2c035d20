/* SPDX-License-Identifier: ISC
 *
 * Host names as they travel between our programs and are asked for in DNS: A-labels in lower
 * case, no dot at the end.
 */
#ifndef POSTERN_DNS_NAME_H
#define POSTERN_DNS_NAME_H

#include "common/str.h"

enum {
	DNS_NAME_MAX = 253, /* of text; RFC 1035 §2.3.4 */
	DNS_LABEL_MAX = 63,
	DNS_WIRE_NAME_MAX = 255,
};

/* Labels of letters in lower case, digits, hyphens and underscores; no hyphen at either end of
 * one (RFC 1123 §2.1; underscores are what the world does, and what TLSA and TXT names have). */
bool dns_name_is_host(struct str name);
/* It could be taken for an IPv4 address: its last label is a number. No such name exists. */
bool dns_name_is_numeric(struct str name);
/* Into lower case and without one dot at the end; false when it is then no host name. */
bool dns_name_canonical(struct str name, char out[DNS_NAME_MAX], struct str *canonical);

#endif
