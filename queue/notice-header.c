/* SPDX-License-Identifier: ISC */
#include "queue/notice-header.h"
#include "common/header.h"
#include "common/limits.h"
#include "common/queue-id.h"
#include "queue/dsn-text.h"

#include <stdio.h>

static bool put_address(
    struct buf *out, const char *name, const char *phrase, struct str address, bool utf8)
{
	char value[ADDRESS_MAX + 80];
	snprintf(value, sizeof(value), phrase[0] == '\0' ? "%s%.*s" : "%s <%.*s>", phrase,
	    STR_ARG(str_head(address, ADDRESS_MAX)));
	return dsn_text_field(out, name, "", str_from_cstr(value), utf8);
}

bool notice_header_put(struct buf *out, const struct notice_header *h)
{
	char date[HEADER_DATE_SIZE], id[QUEUE_ID_SIZE], from[DOMAIN_MAX + 20];
	struct str hostname = str_head(h->hostname, DOMAIN_MAX);
	header_date(h->now, date);
	queue_id_format(h->id, id);
	snprintf(from, sizeof(from), "MAILER-DAEMON@%.*s", STR_ARG(hostname));
	bool ok = dsn_text_field(out, "Date", "", str_from_cstr(date), false) &&
		  put_address(out, "From", "Mail Delivery System", str_from_cstr(from), h->utf8) &&
		  put_address(out, "To", "", h->to, h->utf8) &&
		  dsn_text_field(out, "Subject", "", h->subject, false);
	snprintf(from, sizeof(from), "<%s@%.*s>", id, STR_ARG(hostname));
	return ok && dsn_text_field(out, "Message-ID", "", str_from_cstr(from), false);
}
