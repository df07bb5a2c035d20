/* SPDX-License-Identifier: ISC
 *
 * The parameters of MAIL and RCPT (RFC 5321 §4.1.2, Mail-parameters): keyword[=value],
 * separated by blanks, each at most once; one row for each that is known.
 */
#ifndef POSTERN_SMTPD_PARAMETER_H
#define POSTERN_SMTPD_PARAMETER_H

#include "smtpd/smtp-server.h"

struct parameter {
	struct str keyword;
	bool has_value; /* must; otherwise must not */
	enum smtp_status (*take)(struct smtp_server *s, struct str value);
};

/* STATUS_NONE, or the first refusal. */
enum smtp_status parameter_take_all(
    const struct parameter *rows, size_t count, struct smtp_server *s, struct str text);
/* Well-formed UTF-8 without control characters. */
bool parameter_is_text(struct str s);

#endif
