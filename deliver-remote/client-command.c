/* SPDX-License-Identifier: ISC
 *
 * MAIL and RCPT with their parameters. Nothing from outside gets into a command but
 * as a number, as xtext, or as an address that the grammar allows, in which there is
 * no place for a line end.
 */
#include "common/address.h"
#include "common/utf8.h"
#include "deliver-remote/client-internal.h"

bool client_can_write(struct str address)
{
	struct address a;
	return address_parse(address, true, &a) == ADDRESS_OK && a.domain.n > 0;
}

/* Without SMTPUTF8 only the domain can have octets above 127 here: it goes as A-labels (RFC 5890).
 */
static void put_address(struct client *c, struct str address)
{
	struct address a;
	if (c->utf8 || utf8_is_ascii(address)) {
		buf_append_str(c->out, address);
		return;
	}
	struct pool *pool = pool_new(ADDRESS_MAX * 8);
	struct str ascii = {NULL, 0};
	if (address_parse(address, true, &a) == ADDRESS_OK)
		address_canonical(&a, pool, &ascii);
	buf_append_str(c->out, ascii);
	pool_free(pool);
}

/* RFC 3461 §4. */
static void put_xtext(struct buf *out, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (c > ' ' && c <= '~' && c != '+' && c != '=') {
			buf_append_u8(out, c);
			continue;
		}
		const char escaped[] = {'+', hex[c >> 4], hex[c & 15]};
		buf_append(out, escaped, sizeof(escaped));
	}
}

static void put_mail_dsn(struct client *c)
{
	const struct client_mail *m = c->mail;
	if (m->ret == RET_FULL || m->ret == RET_HDRS)
		buf_append_str(c->out, m->ret == RET_FULL ? STR(" RET=FULL") : STR(" RET=HDRS"));
	if (m->envid.n > 0) {
		buf_append_str(c->out, STR(" ENVID="));
		put_xtext(c->out, m->envid);
	}
}

/* RFC 8689 §2: within TLS only. But for LMTP, client_check saw to more than that. */
static bool says_requiretls(const struct client *c)
{
	return (c->mail->flags & ENVELOPE_REQUIRETLS) && c->encrypted &&
	       client_has(c, EXT_REQUIRETLS);
}

void client_put_mail(struct client *c)
{
	buf_append_str(c->out, STR("MAIL FROM:<"));
	put_address(c, c->mail->reverse_path);
	buf_append_str(c->out, STR(">"));
	if (client_has(c, EXT_SIZE) && c->content.seven == NULL)
		buf_printf(c->out, " SIZE=%llu", (unsigned long long)c->mail->size);
	if (c->eight_bit && client_has(c, EXT_8BITMIME))
		buf_append_str(c->out, STR(" BODY=8BITMIME"));
	if (c->utf8)
		buf_append_str(c->out, STR(" SMTPUTF8"));
	if (says_requiretls(c))
		buf_append_str(c->out, STR(" REQUIRETLS"));
	if (client_has(c, EXT_DSN))
		put_mail_dsn(c);
	buf_append_str(c->out, STR("\r\n"));
}

static void put_notify(struct buf *out, unsigned notify)
{
	static const struct {
		unsigned bit;
		struct str word;
	} rows[] = {{NOTIFY_SUCCESS, STR("SUCCESS")}, {NOTIFY_FAILURE, STR("FAILURE")},
	    {NOTIFY_DELAY, STR("DELAY")}};
	struct str before = STR(" NOTIFY=");
	if (notify & NOTIFY_NEVER) {
		buf_append_str(out, STR(" NOTIFY=NEVER"));
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (notify & rows[i].bit) {
			buf_append_str(out, before);
			buf_append_str(out, rows[i].word);
			before = STR(",");
		}
}

/* Left out when its type is no atom of letters, digits and hyphens. */
static void put_orcpt(struct buf *out, struct str orcpt)
{
	size_t type = str_find(orcpt, ';');
	for (size_t i = 0; i < type; i++)
		if (!ascii_is_alnum(orcpt.p[i]) && orcpt.p[i] != '-')
			return;
	if (type == 0 || type + 1 >= orcpt.n)
		return;
	buf_append_str(out, STR(" ORCPT="));
	buf_append_str(out, str_head(orcpt, type + 1));
	put_xtext(out, str_skip(orcpt, type + 1));
}

void client_put_rcpt(struct client *c, const struct client_recipient *r)
{
	buf_append_str(c->out, STR("RCPT TO:<"));
	put_address(c, r->address);
	buf_append_str(c->out, STR(">"));
	if (client_has(c, EXT_DSN)) {
		put_notify(c->out, r->notify);
		put_orcpt(c->out, r->orcpt);
	}
	buf_append_str(c->out, STR("\r\n"));
}
