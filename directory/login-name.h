/* SPDX-License-Identifier: ISC
 *
 * Which login a client means. Local parts are compared octet by octet but for the case of ASCII
 * letters, as mail is; but a client may send a name in SASLprep's form, SCRAM's must
 * (RFC 5802 §5.1). So a name that is not ASCII stands for the user of that very name, and if there
 * is none, for the one whose name is its prepared form. A name without a domain is that of a user
 * of the machine, where these log in.
 */
#ifndef POSTERN_DIRECTORY_LOGIN_NAME_H
#define POSTERN_DIRECTORY_LOGIN_NAME_H

#include "directory/lookup.h"

/* The login's key in the table users, ADDRESS_MAX octets at most; the same whatever form a name
 * that nobody has was sent in. `domain` completes a name without one; empty: nothing does. What is
 * no address then is its own key. Lives as long as name and pool. */
struct str login_name_key(
    struct str name, struct str domain, const struct lookup *tables, struct pool *pool);

#endif
