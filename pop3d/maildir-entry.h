/* SPDX-License-Identifier: ISC
 *
 * What the name of a Maildir file says:
 *
 *   1795473123.Q1a2b3c4d-4KYPsr-0.mx.example.org,S=4200,W=4290:2,FS
 *   `- time -'
 *   `--------------- unique -------------------'
 */
#ifndef POSTERN_MAILDIR_ENTRY_H
#define POSTERN_MAILDIR_ENTRY_H

#include "common/str.h"

struct maildir_entry {
	uint64_t time;	    /* seconds since the epoch; 0 when the name does not say */
	struct str unique;  /* without sizes and flags; points into the name */
	bool has_crlf_size; /* W= */
	uint64_t crlf_size; /* octets with every line ending as CRLF */
};

/* False for what is no message: hidden files, an empty unique part. */
bool maildir_entry_parse(struct str name, struct maildir_entry *out);

/* Octets of a unique id, RFC 1939 §7 UIDL. */
#define UIDL_MAX 70
/* The message's unique id: its unique part, or a hash of it where that is too long or not
 * printable. */
struct str maildir_entry_uidl(struct str unique, char space[UIDL_MAX]);

#endif
