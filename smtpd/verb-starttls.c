/* SPDX-License-Identifier: ISC
 *
 * STARTTLS (RFC 3207). What was sent behind it came in clear, from whoever: it must not
 * be taken for something that was said in TLS. So a client that does not wait for the
 * reply is not listened to any more.
 */
#include "smtpd/smtp-internal.h"

enum smtp_status verb_starttls(struct smtp_server *s, const struct argument *a)
{
	(void)a;
	if (s->tls != NULL)
		return STATUS_TLS_ACTIVE;
	if (s->tls_offer == SMTP_TLS_NO)
		return STATUS_NOT_IMPLEMENTED;
	if (s->tls_offer == SMTP_TLS_AWAY)
		return STATUS_NO_TLS;
	if (s->followed)
		return STATUS_TLS_BEHIND;
	smtp_conclude(s, STATUS_START_TLS);
	/* Unless that was one command too many. */
	if (s->phase != PHASE_CLOSED)
		smtp_server_expect_tls(s);
	return STATUS_NONE;
}
