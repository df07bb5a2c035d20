/* SPDX-License-Identifier: ISC
 *
 * The Received field of RFC 5321 §4.4:
 *
 *   Received: from client.example ([192.0.2.1])
 *           (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits))
 *           by mx.example.org (Postern) with ESMTPS id 4KYPsr2x3bc.1
 *           for <ann@example.org>; Mon, 23 Nov 2026 22:12:54 +0000
 *
 * The recipient is named only when there is exactly one, so that nobody learns of
 * others. Everything in it was parsed: none of it can hold a line break.
 */
#include "common/header.h"
#include "smtpd/smtp-internal.h"

/* "[...]" is an address literal, the rest ("local uid 1000") a comment as well. */
static bool put_from(const struct smtp_server *s, struct buf *out)
{
	return buf_append_str(out, STR("Received: from ")) &&
	       buf_append_str(out, str_from_cstr(s->helo)) && buf_append_str(out, STR(" (")) &&
	       buf_append_str(out, s->client) && buf_append_str(out, STR(")\r\n"));
}

static bool put_tls(const struct smtp_server *s, struct buf *out)
{
	return s->tls == NULL || buf_printf(out, "\t(using %s with cipher %s (%u/%u bits))\r\n",
				     s->tls->version, s->tls->cipher, s->tls->bits, s->tls->bits);
}

static bool put_by(const struct smtp_server *s, struct buf *out)
{
	return buf_append_str(out, STR("\tby ")) && buf_append_str(out, s->policy->hostname) &&
	       buf_append_str(out, STR(" (Postern) with ")) &&
	       buf_append_str(out, str_from_cstr(smtp_server_protocol(s))) &&
	       buf_append_str(out, STR(" id ")) && buf_append_str(out, s->id);
}

static bool put_for(const struct smtp_server *s, struct buf *out)
{
	if (s->txn.rcpt_count != 1)
		return true;
	return buf_append_str(out, STR("\r\n\tfor <")) && buf_append_str(out, s->txn.first_rcpt) &&
	       buf_append_str(out, STR(">"));
}

bool smtp_put_received(const struct smtp_server *s, struct buf *out, uint64_t wall_ms)
{
	char date[HEADER_DATE_SIZE];
	header_date(wall_ms, date);
	return put_from(s, out) && put_tls(s, out) && put_by(s, out) && put_for(s, out) &&
	       buf_append_str(out, STR("; ")) && buf_append_str(out, str_from_cstr(date)) &&
	       buf_append_str(out, STR("\r\n"));
}
