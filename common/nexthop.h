/* SPDX-License-Identifier: ISC
 *
 * A nexthop: where mail for another server goes, as the envelope says it and as the
 * queue's destinations are keyed.
 *
 *   example.org               the exchangers of that domain (MX; RFC 5321 §5.1)
 *   [192.0.2.1] [IPv6:...]    an address literal, from the recipient's address
 *   smtp:example.org:587      the exchangers of that domain, at another port
 *   smtp:[mx.example.org]     that host (no MX), port 25
 *   smtp:[192.0.2.1]:2525     that address; IPv6 as [IPv6:2001:db8::1] or [2001:db8::1]
 *   lmtp:[localhost]:24       the same, by LMTP (RFC 2033); the default port is 24
 *   lmtp:NAME                 the LMTP socket that the configuration's section `lmtp NAME` names
 *   relay:NAME                what the configuration's section `relay NAME` says
 */
#ifndef POSTERN_NEXTHOP_H
#define POSTERN_NEXTHOP_H

#include "common/limits.h"
#include "common/str.h"

enum nexthop_protocol { NEXTHOP_SMTP = 1, NEXTHOP_LMTP = 2 };

enum nexthop_kind {
	NEXTHOP_DOMAIN = 1, /* look its exchangers up */
	NEXTHOP_HOST = 2,   /* look its addresses up */
	NEXTHOP_ADDRESS = 3,
	NEXTHOP_SOCKET = 4, /* `name`: of a section lmtp */
	NEXTHOP_RELAY = 5,  /* `name`: of a section relay */
};

struct nexthop {
	enum nexthop_protocol protocol;
	enum nexthop_kind kind;
	struct str name; /* domain, host or section; borrowed from the text, case as given */
	uint8_t family;	 /* NEXTHOP_ADDRESS: 4 or 6 */
	uint8_t address[16];
	uint16_t port; /* 25, or 24 for LMTP, when the text has none; 0 for sections */
};

/* The whole text; false when it is none of the above. Domains and hosts are host names in ASCII
 * (letters, digits, hyphens, dots; at most DOMAIN_MAX). */
bool nexthop_parse(struct str text, struct nexthop *out);

/* The one text of a nexthop: domains and hosts in lower case, nothing that is the default. Two
 * that are the same place have the same text. Never longer than NEXTHOP_MAX for what
 * nexthop_parse made; NUL-terminated. */
#define NEXTHOP_TEXT_SIZE (NEXTHOP_MAX + 1)
struct str nexthop_format(const struct nexthop *nexthop, char out[NEXTHOP_TEXT_SIZE]);
/* Both in one: false when the text is no nexthop. */
bool nexthop_canonical(struct str text, char out[NEXTHOP_TEXT_SIZE], struct str *canonical);

/* A host name in ASCII: labels of letters, digits and hyphens, no dot at its end. */
bool nexthop_is_host_name(struct str s);
/* "192.0.2.1", "2001:db8::1", "IPv6:2001:db8::1"; `family` 4 or 6. */
bool nexthop_parse_ip(struct str s, uint8_t *family, uint8_t address[16]);
/* The name of a section: letters, digits, "_", "." and "-", at most SECTION_NAME_MAX. */
bool nexthop_is_section_name(struct str s);

#endif
