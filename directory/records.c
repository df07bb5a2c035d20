/* SPDX-License-Identifier: ISC */
#include "directory/records.h"
#include "common/fingerprint.h"
#include "common/nexthop.h"

static struct wire_reader reader(struct str value)
{
	return (struct wire_reader){.p = (const uint8_t *)value.p, .n = value.n};
}

bool route_put(struct buf *b, const struct route_record *r)
{
	struct wire_writer w = {.buf = b};
	wire_put_u8(&w, (uint8_t)r->kind);
	wire_put_str(&w, r->text, REASON_MAX);
	return !w.failed;
}

bool route_get(struct str value, struct route_record *out)
{
	struct wire_reader r = reader(value);
	struct nexthop unused;
	uint8_t kind = wire_get_u8(&r);
	struct str text = wire_get_str(&r, REASON_MAX);
	if (!wire_reader_done(&r) || kind < ROUTE_NEXTHOP || kind > ROUTE_HOLD)
		return false;
	*out = (struct route_record){.kind = (enum route_kind)kind, .text = text};
	if (kind == ROUTE_NEXTHOP)
		return nexthop_parse(text, &unused);
	return kind == ROUTE_ERROR || text.n == 0;
}

static bool is_sound(const struct tls_record *r)
{
	if (r->name_count > 0 && r->policy != TLS_VERIFY)
		return false;
	return (r->fingerprint_count > 0) == (r->policy == TLS_FINGERPRINT);
}

bool tls_put(struct buf *b, const struct tls_record *r)
{
	struct wire_writer w = {.buf = b};
	wire_put_u8(&w, (uint8_t)r->policy);
	wire_put_u8(&w, (uint8_t)r->name_count);
	for (size_t i = 0; i < r->name_count; i++)
		wire_put_str(&w, r->names[i].name, DOMAIN_MAX);
	wire_put_u8(&w, (uint8_t)r->fingerprint_count);
	for (size_t i = 0; i < r->fingerprint_count; i++)
		wire_put_str(&w, r->fingerprints[i].sha256, FINGERPRINT_SIZE);
	return !w.failed;
}

static size_t get_count(struct wire_reader *r, size_t max)
{
	uint8_t n = wire_get_u8(r);
	r->failed = r->failed || n > max;
	return r->failed ? 0 : n;
}

bool tls_get(struct str value, struct tls_record *out)
{
	struct wire_reader r = reader(value);
	*out = (struct tls_record){0};
	uint8_t policy = wire_get_u8(&r);
	out->name_count = get_count(&r, TLS_NAMES_MAX);
	for (size_t i = 0; i < out->name_count; i++) {
		out->names[i].name = wire_get_str(&r, DOMAIN_MAX);
		r.failed = r.failed || out->names[i].name.n == 0;
	}
	out->fingerprint_count = get_count(&r, TLS_FINGERPRINTS_MAX);
	for (size_t i = 0; i < out->fingerprint_count; i++) {
		out->fingerprints[i].sha256 = wire_get_str(&r, FINGERPRINT_SIZE);
		r.failed = r.failed || out->fingerprints[i].sha256.n != FINGERPRINT_SIZE;
	}
	if (!wire_reader_done(&r) || policy < TLS_NONE || policy > TLS_FINGERPRINT)
		return false;
	out->policy = (enum tls_policy)policy;
	return is_sound(out);
}

bool login_put(struct buf *b, const struct login_record *r)
{
	struct wire_writer w = {.buf = b};
	wire_put_str(&w, r->user, LOGIN_MAX);
	wire_put_str(&w, r->password, PASSWORD_MAX);
	return !w.failed;
}

bool login_get(struct str value, struct login_record *out)
{
	struct wire_reader r = reader(value);
	out->user = wire_get_str(&r, LOGIN_MAX);
	out->password = wire_get_str(&r, PASSWORD_MAX);
	return wire_reader_done(&r) && out->user.n > 0 && out->password.n > 0;
}

bool senders_put(struct buf *b, const struct senders_record *r)
{
	struct wire_writer w = {.buf = b};
	wire_put_u16(&w, (uint16_t)r->count);
	for (size_t i = 0; i < r->count; i++)
		wire_put_str(&w, r->patterns[i], ADDRESS_MAX);
	return !w.failed;
}

bool senders_get(struct str value, struct senders_record *out)
{
	struct wire_reader r = reader(value);
	out->count = wire_get_u16(&r);
	if (out->count == 0 || out->count > SENDERS_PATTERNS_MAX)
		return false;
	for (size_t i = 0; i < out->count; i++) {
		out->patterns[i] = wire_get_str(&r, ADDRESS_MAX);
		r.failed = r.failed || out->patterns[i].n == 0;
	}
	return wire_reader_done(&r);
}
