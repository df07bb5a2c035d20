/* SPDX-License-Identifier: ISC
 *
 * The alert by which a server ends TLS, in words for its postmaster and ours. An alert about a
 * certificate is about ours: the server has none of another's to judge.
 */
#include "deliver-remote/tls-internal.h"

/* RFC 8446 §6. Those of TLS 1.3 alone OpenSSL 3.0 has no names for. */
static const char *name_of(int alert)
{
	switch (alert) {
	case SSL_AD_MISSING_EXTENSION:
		return "missing extension";
	case SSL_AD_CERTIFICATE_REQUIRED:
		return "certificate required";
	default:
		return SSL_alert_desc_string_long(alert);
	}
}

/* access_denied: it is a valid one, of somebody who may not (RFC 8446 §6.2). */
static bool is_about_certificate(int alert)
{
	switch (alert) {
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_REVOKED:
	case SSL_AD_CERTIFICATE_EXPIRED:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNKNOWN_CA:
	case SSL_AD_ACCESS_DENIED:
	case SSL_AD_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

/* What a server makes of us that it ends the handshake with. */
static void explain_refusal(const struct tls *t, struct text *out)
{
	if (t->shown && is_about_certificate(t->io.alert))
		text_printf(out, " (the server refuses our certificate %s)", t->certificate);
	else if (t->asked && !t->shown)
		text_add(out, STR(" (the server asked for a certificate, and none was shown)"));
}

bool tls_explain_alert(const struct tls *t, struct text *out)
{
	if (t->io.alert == 0)
		return false;
	text_printf(out, "TLS alert: %s", name_of(t->io.alert));
	if (tls_is_refused(t))
		explain_refusal(t, out);
	return true;
}

bool tls_is_refused(const struct tls *t)
{
	return t->io.alert != 0 && !t->heard;
}
