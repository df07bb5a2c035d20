/* SPDX-License-Identifier: ISC
 *
 * A whole SMTP server without its sockets. The first octet says who the client is, what it may
 * and how its input is cut; the rest is the input. Whatever it is, the invariants
 * hold, replies are well-formed, and the same comes of it when it is cut
 * differently and when answers come later.
 */
#include "tests/unit/smtp-harness.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OWN = 1, REPAIR = 2, REFUSING = 4, CLOSED = 8, NO_FILE = 16, PIECES = 32, LOGINS = 64 };

static const struct tls_facts facts = {.version = "TLSv1.3", .cipher = "TLS_TEST", .bits = 256};

static void fail(const char *why)
{
	fprintf(stderr, "%s\n", why);
	abort();
}

static void set_up(struct harness *h, uint8_t options, bool deferred)
{
	harness_init(h);
	h->own_network = (options & OWN) != 0;
	/* Only own networks have newlines repaired: for others the bit is free. */
	h->submission = (options & (OWN | REPAIR)) == REPAIR;
	h->login = h->submission ? "ann@example.org" : NULL;
	h->policy.bare_newline_refuse = !(options & REPAIR);
	h->policy.message_max = 100 * 1024;
	h->policy.header_max = 4096;
	h->policy.hops_max = 3;
	h->policy.recipients_max = 20;
	h->auth = (struct smtp_auth){
	    .offered = (options & LOGINS) != 0, .in_clear = true, .required = (options & OWN) != 0};
	h->deferred = deferred;
	h->queue_closed = (options & CLOSED) != 0;
	h->queue_no_file = (options & NO_FILE) != 0;
	if (options & REFUSING)
		h->queue_refusal =
		    (struct reply){.code = 451, .enhanced = STR("4.3.0"), .text = STR("Later")};
	harness_start(h);
	/* No bit is left for it. */
	h->server.tls = options & PIECES ? &facts : NULL;
}

static void feed(struct harness *h, struct str in, unsigned step)
{
	while (in.n > 0) {
		size_t n = step == 0 || step > in.n ? in.n : step;
		harness_feed(h, str_head(in, n));
		const char *why = harness_check(h);
		if (why != NULL)
			fail(why);
		in = str_skip(in, n);
		step = step > 0 ? step * 7 % 61 + 1 : 0;
	}
}

static void compare(const struct harness *a, const struct harness *b)
{
	if (!str_eq(buf_str(&a->out), buf_str(&b->out)))
		fail("other replies");
	if (a->messages != b->messages || !str_eq(buf_str(&a->content), buf_str(&b->content)))
		fail("other messages");
	/* RFC 8689 §4.1: who says both requires it. */
	const unsigned both = ENVELOPE_REQUIRETLS | ENVELOPE_TLS_OPTIONAL;
	if (a->envelope.flags != b->envelope.flags || (a->envelope.flags & both) == both)
		fail("other flags");
	if (a->server.state != b->server.state ||
	    smtp_server_is_closed(&a->server) != smtp_server_is_closed(&b->server))
		fail("another state");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness whole, cut;
	if (size < 2)
		return 0;
	struct str in = str_from(data + 1, size - 1);
	set_up(&whole, data[0], false);
	feed(&whole, in, 0);
	const char *why = harness_check_replies(buf_str(&whole.out));
	if (why != NULL)
		fail(why);
	set_up(&cut, data[0], true);
	feed(&cut, in, data[0] / PIECES + 1U);
	compare(&whole, &cut);
	harness_free(&whole);
	harness_free(&cut);
	return 0;
}
