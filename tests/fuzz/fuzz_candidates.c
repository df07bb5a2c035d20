/* SPDX-License-Identifier: ISC
 *
 * Whatever resolver says, hosts come out in order, are names, and are not this server.
 */
#include "common/dns-name.h"
#include "deliver-remote/candidates.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct candidates *c)
{
	if ((c->verdict == CANDIDATES_FOUND) != (c->count > 0))
		abort();
	for (size_t i = 0; i < c->count; i++) {
		struct str host = str_from_cstr(c->list[i].host);
		if (i > 0 && c->list[i - 1].preference > c->list[i].preference)
			abort();
		if (!dns_name_is_host(host) || str_caseeq(host, STR("us")))
			abort();
	}
	if (c->verdict != CANDIDATES_FOUND && (c->status.n == 0 || c->text.n == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct candidates_self self = {STR("us"), STR("")};
	struct pool *pool = pool_new(1024 * 1024);
	struct wire_reader r = {.p = data, .n = size, .pool = pool};
	struct msg_mx_answer mx = {0};
	msg_mx_answer_get(&r, &mx);
	if (!r.failed && mx.state >= DNS_OK && mx.state <= DNS_BOGUS) {
		struct candidates c;
		candidates_from_mx(&c, pool, STR("far.example"), &mx, &self, mx.ttl);
		check(&c);
		candidates_cut_self(&c, pool, mx.cookie, STR("far.example"));
		check(&c);
	}
	pool_free(pool);
	return 0;
}
