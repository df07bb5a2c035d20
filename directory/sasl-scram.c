/* SPDX-License-Identifier: ISC
 *
 * The server's side of SCRAM (RFC 5802 §5, §7): client-first, server-first, client-final,
 * server-final. A client that could bind to the TLS connection but did not see that we offer
 * it ("y") has met somebody in between, and is refused (§6).
 */
#include "common/base64.h"
#include "directory/sasl.h"

#include <openssl/crypto.h>

/* §5.1: "=2C" and "=3D", and no other "=". */
static bool put_name(struct str in, char *to, size_t *size)
{
	*size = 0;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (c == '=') {
			struct str code = str_head(str_skip(in, i + 1), 2);
			if (!str_eq(code, STR("2C")) && !str_eq(code, STR("3D")))
				return false;
			c = code.p[0] == '2' ? ',' : '=';
			i += 2;
		}
		if (c == '\0' || *size == LOGIN_MAX)
			return false;
		to[(*size)++] = c;
	}
	return *size > 0;
}

static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static struct str find_binding(const struct sasl *s, struct str type)
{
	if (str_eq(type, STR("tls-exporter")))
		return str_from(s->exporter, s->exporter_size);
	if (str_eq(type, STR("tls-unique")))
		return str_from(s->unique, s->unique_size);
	if (str_eq(type, STR("tls-server-end-point")))
		return str_from(s->endpoint, s->endpoint_size);
	return (struct str){NULL, 0};
}

/* gs2-cbind-flag; NULL, or what is wrong. */
static const char *take_flag(struct sasl *s, struct str flag, struct str *binding)
{
	bool plus = s->mechanism == AUTH_SCRAM_SHA_256_PLUS;
	*binding = (struct str){NULL, 0};
	if (str_has_prefix(flag, STR("p="))) {
		*binding = find_binding(s, str_skip(flag, 2));
		return plus && binding->n > 0 ? NULL : "channel binding that does not exist";
	}
	if (plus)
		return "no channel binding";
	if (str_eq(flag, STR("y")) && s->plus_offered)
		return "the offer of channel binding did not reach the client";
	return str_eq(flag, STR("y")) || str_eq(flag, STR("n")) ? NULL : "malformed message";
}

/* gs2-header: flag "," [ "a=" saslname ] "," */
static const char *take_header(struct sasl *s, struct str *rest)
{
	struct str all = *rest, binding;
	struct str flag = str_head(all, str_find(all, ','));
	*rest = str_skip(all, flag.n + 1);
	struct str as = str_head(*rest, str_find(*rest, ','));
	if (as.n == rest->n)
		return "malformed message";
	*rest = str_skip(*rest, as.n + 1);
	if (as.n > 0 &&
	    (!str_has_prefix(as, STR("a=")) || !put_name(str_skip(as, 2), s->as, &s->as_size)))
		return "malformed name";
	const char *why = take_flag(s, flag, &binding);
	buf_append_str(&s->channel, str_head(all, all.n - rest->n));
	buf_append_str(&s->channel, binding);
	return why;
}

/* Whatever extension follows, we know none: the mandatory ones begin with "m=" in the place of the
 * name. */
enum sasl_next sasl_scram_first(struct sasl *s, struct str message)
{
	struct str rest = message, name, nonce;
	const char *why = take_header(s, &rest);
	if (why != NULL)
		return sasl_refuse(s, why);
	buf_append_str(&s->auth_message, rest);
	if (!scram_take(&rest, 'n', &name) || !put_name(name, s->user, &s->user_size))
		return sasl_refuse(s, "malformed name");
	if (!scram_take(&rest, 'r', &nonce) || !is_printable(nonce) ||
	    nonce.n > SCRAM_NONCE_MAX - SCRAM_NONCE_SIZE)
		return sasl_refuse(s, "malformed nonce");
	memmove(s->nonce + nonce.n, s->nonce, SCRAM_NONCE_SIZE);
	memcpy(s->nonce, nonce.p, nonce.n);
	s->nonce_size = nonce.n + SCRAM_NONCE_SIZE;
	s->step = SASL_WAITS_FOR_KEYS;
	return SASL_KEYS;
}

enum sasl_next sasl_keys(struct sasl *s, const struct scram_keys *keys, bool known)
{
	if (s->step != SASL_WAITS_FOR_KEYS)
		return sasl_refuse(s, "message out of turn");
	s->keys = *keys;
	s->known = known;
	bool ok = buf_printf(&s->out, "r=%.*s,s=", (int)s->nonce_size, s->nonce) &&
		  base64_encode(&s->out, keys->salt, keys->salt_size) &&
		  buf_printf(&s->out, ",i=%u", keys->iterations) &&
		  buf_append_u8(&s->auth_message, ',') &&
		  buf_append_str(&s->auth_message, buf_str(&s->out)) &&
		  buf_append_u8(&s->auth_message, ',');
	if (!ok)
		return sasl_refuse(s, "message too long");
	s->step = SASL_FINAL;
	return SASL_CHALLENGE;
}

static bool is_our_channel(const struct sasl *s, struct str encoded)
{
	struct buf expected = BUF_INIT(2 * AUTH_MESSAGE_MAX);
	bool ok = base64_encode(&expected, buf_data(&s->channel), buf_len(&s->channel)) &&
		  str_eq(buf_str(&expected), encoded);
	buf_release(&expected);
	return ok;
}

/* The proof is the last attribute: everything before its comma is signed. */
static bool split_proof(struct str message, struct str *without, uint8_t *proof)
{
	size_t comma = str_rfind(message, ','), n;
	struct str last = str_skip(message, comma + 1), value;
	*without = str_head(message, comma);
	return scram_take(&last, 'p', &value) && last.n == 0 &&
	       base64_decode(value, proof, SCRAM_KEY_SIZE, &n) && n == SCRAM_KEY_SIZE;
}

static enum sasl_next prove(struct sasl *s, const uint8_t *proof)
{
	uint8_t signature[SCRAM_KEY_SIZE];
	bool right = scram_verify(&s->keys, buf_str(&s->auth_message), proof, signature);
	if (!(s->known & right))
		return sasl_refuse(s, s->known ? "wrong password" : "no such user, or no keys");
	buf_append_str(&s->out, STR("v="));
	base64_encode(&s->out, signature, sizeof(signature));
	OPENSSL_cleanse(signature, sizeof(signature));
	s->step = SASL_OVER;
	return SASL_PROVED;
}

enum sasl_next sasl_scram_final(struct sasl *s, struct str message)
{
	struct str without, rest, channel, nonce;
	uint8_t proof[SCRAM_KEY_SIZE];
	if (!split_proof(message, &without, proof))
		return sasl_refuse(s, "malformed proof");
	rest = without;
	if (!scram_take(&rest, 'c', &channel) || !scram_take(&rest, 'r', &nonce))
		return sasl_refuse(s, "malformed message");
	if (!is_our_channel(s, channel))
		return sasl_refuse(s, "another channel binding");
	if (!str_eq(nonce, str_from(s->nonce, s->nonce_size)))
		return sasl_refuse(s, "another nonce");
	buf_append_str(&s->auth_message, without);
	return prove(s, proof);
}
