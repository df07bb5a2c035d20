/* SPDX-License-Identifier: ISC
 *
 * What the sender of a delivery's mail wants of TLS (RFC 8689), and what of that counts here.
 *
 * Never: let mail that must be protected, and is no notice, go to whom that was not proved.
 */
#include "common/log.h"
#include "common/queue-id.h"
#include "deliver-remote/delivery-internal.h"

/* LMTP is where mail ends: a store that the operator names. */
void delivery_set_hop(struct delivery *d, struct hop *hop)
{
	bool relays = hop->verdict == HOP_OK && hop->target.protocol != NEXTHOP_LMTP;
	d->hop = hop;
	d->wish = relays ? tls_wish_of(d->to.flags, hop->tls) : TLS_WISH_NONE;
}

static void log_relaxed(const struct delivery *d)
{
	char id[QUEUE_ID_SIZE];
	struct log_event ev;
	struct text line;
	queue_id_format(d->to.id, id);
	text_clear(&line);
	text_printf(&line, "nobody there has REQUIRETLS, the notice goes without: nexthop=%.*s",
	    STR_ARG(d->to.nexthop));
	log_begin(&ev, LOG_INFO, str_from_cstr(id));
	log_note(&ev, text_str(&line));
	log_end(&ev);
}

bool delivery_relax(struct delivery *d)
{
	if (d->wish != TLS_WISH_REQUIRED || d->to.reverse_path.n > 0 || d->route.unable[0] == '\0')
		return false;
	d->wish = TLS_WISH_NONE;
	d->to.flags &= (uint16_t)~ENVELOPE_REQUIRETLS;
	log_relaxed(d);
	return true;
}
