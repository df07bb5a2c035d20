/* SPDX-License-Identifier: ISC
 *
 * A whole SMTP or LMTP client against a server that says anything. The first octets say
 * what the client is to do; each line of the rest is what the server says next, and the
 * caller does in between what is asked of it. Whatever is said, each recipient gets one
 * result, none is taken without a 2xx line, nothing but well-formed commands is sent, and
 * a password leaves only inside TLS.
 */
#include "tests/unit/client-harness.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LMTP = 1, MUST = 2, IMPLICIT = 4, LOGIN = 8, EIGHT = 16, UTF8 = 32, BY_LINE = 64, LF = 128 };
enum { AHEAD = 64 }; /* of the second octet */

static void fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	abort();
}

static void set_up(struct harness *h, uint8_t options, uint8_t recipients)
{
	static const char *const addresses[] = {"bob@example.net", "cy@example.com",
	    "m\303\274ller@example.net", "dan@b\303\274cher.example", "\"x y\"@example.net", "bad",
	    "eve@[192.0.2.1]"};
	harness_init(h);
	h->policy.protocol = options & LMTP ? NEXTHOP_LMTP : NEXTHOP_SMTP;
	h->policy.tls = options & MUST ? CLIENT_TLS_MUST : CLIENT_TLS_MAY;
	h->policy.implicit_tls = (options & IMPLICIT) != 0;
	h->policy.eager_content = recipients >= 128;
	if (options & LOGIN) {
		h->policy.login = STR("ann");
		h->policy.password = STR("secret");
	}
	for (unsigned i = 0; i < 1u + recipients % 9; i++)
		harness_add_recipient(h, addresses[(i + recipients / 9) % 7]);
	h->mail.flags = options & UTF8 ? ENVELOPE_SMTPUTF8 : 0;
	h->mail.envid = STR("a b");
	buf_append_str(&h->content, STR("Subject: x\r\n\r\n.Hello\r\n"));
	if (options & EIGHT)
		buf_append_str(&h->content, STR("caf\351\r\n"));
	if (options & LF)
		buf_append_str(&h->content, STR("a\n.\nb\r.\r"));
	harness_start(h);
}

static void check(const struct harness *h)
{
	const char *why = harness_check(h);
	if (why != NULL)
		fail(why);
	if (!h->client.encrypted && buf_len(&h->sent) > 0 &&
	    memmem(buf_data(&h->sent), buf_len(&h->sent), "AUTH", 4) != NULL)
		fail("a password in clear");
}

static void answer(struct harness *h, bool ahead, unsigned *mails, size_t *taken)
{
	if (client_need(&h->client) == CLIENT_TLS) {
		buf_reset(&h->sent);
		harness_tls(h);
	}
	if (client_need(&h->client) == CLIENT_READY && ++*mails < 4) {
		*taken += harness_taken(h);
		harness_send(h);
	}
	if (ahead && client_may_send_ahead(&h->client) && ++*mails < 4) {
		*taken += harness_taken(h);
		harness_send_ahead(h);
	}
	if (ahead && *mails == 3 && client_is_ahead(&h->client))
		harness_withdraw(h);
	check(h);
}

static void play(struct harness *h, struct str in, bool by_line, bool ahead)
{
	unsigned mails = 0;
	size_t taken = 0;
	bool positive = false;
	while (in.n > 0) {
		size_t n = by_line ? str_find(in, '\n') + 1 : 1;
		struct str part = str_head(in, n);
		positive |= memchr(part.p, '2', part.n) != NULL;
		harness_feed(h, part);
		check(h);
		answer(h, ahead, &mails, &taken);
		in = str_skip(in, n);
	}
	harness_close(h);
	check(h);
	if (taken + harness_taken(h) > 0 && !positive)
		fail("taken without a reply");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness h;
	if (size < 3)
		return 0;
	set_up(&h, data[0], data[1]);
	play(&h, str_from(data + 2, size - 2), (data[0] & BY_LINE) != 0, (data[1] & AHEAD) != 0);
	harness_free(&h);
	return 0;
}
