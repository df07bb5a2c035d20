/* SPDX-License-Identifier: ISC
 *
 * Mail addresses, strictly as RFC 5321 §4.1.2 and RFC 6531 §3.3 define them: no
 * repairs, no guessing. A parser refuses or returns a typed value that borrows
 * from the input. Beyond the grammar, a label has at most 63 octets, a domain with
 * bytes above 127 must be one that libidn2 can look up, and Unicode's control
 * characters are refused.
 */
#ifndef POSTERN_ADDRESS_H
#define POSTERN_ADDRESS_H

#include "common/limits.h"
#include "common/pool.h"

struct address {
	struct str local_part; /* as written, quotes included */
	struct str domain;     /* empty only for the null path and, in RCPT, for <postmaster> */
	bool is_null;	       /* <> */
	bool is_utf8;	       /* needs SMTPUTF8 */
	bool is_literal;       /* domain is an address literal, brackets included */
};

enum address_error {
	ADDRESS_OK,
	ADDRESS_SYNTAX,
	ADDRESS_TOO_LONG,   /* RFC 5321 §4.5.3.1 */
	ADDRESS_NEEDS_UTF8, /* bytes above 127 without SMTPUTF8 */
};

/* A Reverse-path or Forward-path at the start of `in`: "<" [A-d-l ":"] Mailbox ">" or "<>".
 * Source routes are accepted and ignored (RFC 5321 §4.1.1.3, appendix C). `rest` is what
 * follows the ">". `allow_null` for MAIL, `allow_postmaster` for RCPT (§4.5.1). */
enum address_error address_parse_path(struct str in, bool utf8, bool allow_null,
    bool allow_postmaster, struct address *out, struct str *rest);
/* A Mailbox alone, whole string; for tables and commands. */
enum address_error address_parse(struct str in, bool utf8, struct address *out);
/* A Domain or address-literal, whole string (EHLO, RFC 5321 §4.1.1.1). */
bool address_is_domain(struct str in, bool utf8);
bool address_is_literal(struct str in);

/* The form that tables and the queue use: domain in lower case and, when it has bytes above
 * 127, as A-labels (so that both ways to write a domain are the same one); needless quotes and
 * backslashes of the local part removed; the case of the local part kept. Empty for the null
 * path, the local part alone when there is no domain. False past the pool. */
bool address_canonical(const struct address *a, struct pool *pool, struct str *out);
/* Splits a canonical address at its last "@"; false when there is none or a part is empty. */
bool address_split(struct str canonical, struct str *local_part, struct str *domain);
/* The local part without quotes and backslashes. */
bool address_unquote(struct str local_part, struct pool *pool, struct str *out);

/* xtext of RFC 3461 §4: decodes into the pool; false on bad hex, on bytes that xtext cannot have,
 * and when what is decoded is not printable ASCII. */
bool xtext_decode(struct str in, struct pool *pool, struct str *out);

#endif
