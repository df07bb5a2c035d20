/* SPDX-License-Identifier: ISC */
#include "directory/user-record.h"
#include "common/base64.h"

static struct str take_until(struct str *rest, char end)
{
	size_t n = str_find(*rest, end);
	struct str part = str_head(*rest, n);
	*rest = str_skip(*rest, n + 1);
	return part;
}

static bool read_key(struct str text, uint8_t key[SCRAM_KEY_SIZE])
{
	size_t n;
	return base64_decode(text, key, SCRAM_KEY_SIZE, &n) && n == SCRAM_KEY_SIZE;
}

static const char *read_keys(struct str text, struct scram_keys *k)
{
	uint64_t iterations;
	if (text.n > SCRAM_TEXT_MAX)
		return "are too long";
	if (!str_eq(take_until(&text, '$'), STR("SCRAM-SHA-256")))
		return "do not begin with SCRAM-SHA-256$: set the password anew with `postern user "
		       "passwd ADDRESS`";
	if (!str_parse_u64(take_until(&text, ':'), SCRAM_ITERATIONS_MAX, &iterations) ||
	    iterations < SCRAM_ITERATIONS_MIN)
		return "have a number of iterations that is below 4096 or above 10000000";
	k->iterations = (uint32_t)iterations;
	if (!base64_decode(take_until(&text, '$'), k->salt, sizeof(k->salt), &k->salt_size) ||
	    k->salt_size == 0)
		return "have no salt in base64 of at most 64 octets";
	if (!read_key(take_until(&text, ':'), k->stored) || !read_key(text, k->server))
		return "are cut short: set the password anew with `postern user passwd ADDRESS`";
	return NULL;
}

const char *user_record_parse(struct str value, struct user_record *out)
{
	size_t colon = str_find(value, ':');
	*out = (struct user_record){.hash = str_head(value, colon), .has_keys = colon < value.n};
	return out->has_keys ? read_keys(str_skip(value, colon + 1), &out->keys) : NULL;
}

bool user_record_put_keys(struct buf *out, const struct scram_keys *k)
{
	return buf_printf(out, "SCRAM-SHA-256$%u:", k->iterations) &&
	       base64_encode(out, k->salt, k->salt_size) && buf_append_u8(out, '$') &&
	       base64_encode(out, k->stored, SCRAM_KEY_SIZE) && buf_append_u8(out, ':') &&
	       base64_encode(out, k->server, SCRAM_KEY_SIZE);
}
