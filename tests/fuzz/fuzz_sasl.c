/* SPDX-License-Identifier: ISC
 *
 * SASL: the first octets choose mechanism, binding and what the caller knows; then messages, each
 * with its length in front. Whatever comes, an exchange ends, and nobody is let in without keys
 * that he has the password of. And the other side: what a server says to our client.
 */
#include "directory/sasl.h"
#include "directory/user-record.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
	if (!fine)
		abort();
}

static struct str take(struct str *in)
{
	size_t n = in->n == 0 ? 0 : (uint8_t)in->p[0];
	*in = str_skip(*in, 1);
	struct str message = str_head(*in, n);
	*in = str_skip(*in, message.n);
	return message;
}

static void serve(uint8_t choice, struct str in)
{
	static const struct sasl_binding bindings[2] = {
	    {.plus_offered = false}, {.exporter = {"0123456789abcdef0123456789abcdef", 32},
					 .endpoint = {"x", 1},
					 .plus_offered = true}};
	const struct scram_keys keys = {.iterations = 4096, .salt_size = 1, .stored = {1}};
	struct sasl s;
	sasl_init(&s, 1U << (choice & 3), &bindings[choice >> 2 & 1], "012345678901234567890123");
	struct str message = take(&in);
	enum sasl_next next = sasl_begin(&s, choice & 8 ? &message : NULL);
	for (unsigned i = 0; i < 8 && (next == SASL_CHALLENGE || next == SASL_KEYS); i++) {
		check(s.user_size <= LOGIN_MAX && buf_len(&s.out) <= AUTH_MESSAGE_MAX);
		next = next == SASL_KEYS ? sasl_keys(&s, &keys, choice & 16)
					 : sasl_response(&s, message = take(&in));
	}
	check(next == SASL_PASSWORD || next == SASL_REFUSED);
	check(next == SASL_REFUSED ? s.why != NULL : s.user_size > 0 && s.password_size > 0);
	check(sasl_response(&s, message) == SASL_REFUSED);
	sasl_reset(&s);
}

static void ask(struct str in)
{
	struct scram_client c;
	struct buf out = BUF_INIT(SCRAM_MESSAGE_MAX);
	struct str user = take(&in), first = take(&in);
	scram_client_init(&c);
	if (scram_client_first(&c, user, "rOprNGfwEbeRWgbNEkqO", &out)) {
		/* Iterations take time, which is none of the fuzzer's. */
		buf_reset(&out);
		if (first.n > 0 && memmem(first.p, first.n, "i=4096", 6) != NULL &&
		    scram_client_final(&c, first, STR("x"), &out))
			check(!scram_client_verify(&c, in));
	}
	scram_client_reset(&c);
	buf_release(&out);
}

static void read_record(struct str in)
{
	struct user_record user, same;
	struct buf again = BUF_INIT(USER_VALUE_MAX + SCRAM_TEXT_MAX);
	if (user_record_parse(in, &user) != NULL || !user.has_keys)
		return;
	check(buf_append_str(&again, user.hash) && buf_append_u8(&again, ':'));
	check(user_record_put_keys(&again, &user.keys));
	check(user_record_parse(buf_str(&again), &same) == NULL);
	check(memcmp(&same.keys, &user.keys, sizeof(same.keys)) == 0);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct str in = str_from(data + 1, size - 1);
	serve(data[0], in);
	ask(in);
	read_record(in);
	return 0;
}
