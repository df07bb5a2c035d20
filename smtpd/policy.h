/* SPDX-License-Identifier: ISC
 *
 * What the configuration says about sessions, in one object that the sessions
 * which began under it share: a reload changes nothing for them.
 */
#ifndef POSTERN_SMTPD_POLICY_H
#define POSTERN_SMTPD_POLICY_H

#include "common/conf.h"
#include "smtpd/smtp-server.h"

struct policy {
	struct smtp_policy smtp;
	unsigned connections_max; /* of this worker */
	unsigned connections_per_address;
	unsigned command_timeout_ms;
	unsigned data_timeout_ms;
	unsigned session_timeout_ms;
	unsigned data_rate_min; /* octets per second */
	bool plaintext_login;
	unsigned references;
	char *hostname;
	char *postmaster;
};

/* With one reference, the caller's. Nothing in it points into `conf`. */
struct policy *policy_new(const struct conf *conf);
struct policy *policy_hold(struct policy *policy);
/* Gives a reference back; the last one frees it. */
void policy_release(struct policy *policy);

#endif
