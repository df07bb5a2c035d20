/* SPDX-License-Identifier: ISC
 *
 * DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030 §2): how content begins. How it goes on
 * and ends is in smtp-content.c.
 */
#include "smtpd/smtp-internal.h"

enum smtp_status verb_data(struct smtp_server *s, const struct argument *a)
{
	(void)a;
	if (s->state == SMTP_MAIL)
		return STATUS_NO_RCPTS;
	smtp_content_begin(s, true);
	s->phase = PHASE_DATA;
	return STATUS_START_DATA;
}

/* Whatever is wrong, its octets come, and must not be taken for commands. */
static enum smtp_status refuse_chunk(struct smtp_server *s, const struct argument *a)
{
	if (s->state == SMTP_CONNECTED)
		s->chunk_status = STATUS_HELO_FIRST;
	else
		s->chunk_status = s->state == SMTP_MAIL ? STATUS_NO_RCPTS : STATUS_CHUNK_REFUSED;
	if (a->octets == 0) {
		smtp_transaction_over(s);
		return s->chunk_status;
	}
	s->left = a->octets;
	s->phase = PHASE_REFUSED_CHUNK;
	return STATUS_NONE;
}

enum smtp_status verb_bdat(struct smtp_server *s, const struct argument *a)
{
	if (a->octets > s->policy->message_max &&
	    a->octets - s->policy->message_max > CONTENT_DISCARD_MAX)
		return STATUS_CHUNK_TOO_BIG;
	if (s->state != SMTP_RCPT && s->state != SMTP_CHUNKS)
		return refuse_chunk(s, a);
	if (s->state == SMTP_RCPT)
		smtp_content_begin(s, false);
	smtp_set_state(s, SMTP_CHUNKS);
	s->left = a->octets;
	s->chunk_last = a->last;
	s->phase = PHASE_CHUNK;
	if (s->left == 0)
		smtp_chunk_done(s);
	return STATUS_NONE;
}
