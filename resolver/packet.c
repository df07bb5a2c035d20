/* SPDX-License-Identifier: ISC
 *
 * Invariant: at <= end, and nothing at or past `end` is read. A pointer in a name must go to
 * before all that was read of the name so far, so a name ends after at most as many steps as it
 * has octets in front of it, and never in a loop.
 */
#include "resolver/packet.h"

enum { POINTER = 0xc0 };

bool packet_get_u8(struct packet *k, uint8_t *out)
{
	if (k->end - k->at < 1)
		return false;
	*out = k->p[k->at++];
	return true;
}

bool packet_get_u16(struct packet *k, uint16_t *out)
{
	if (k->end - k->at < 2)
		return false;
	*out = (uint16_t)(k->p[k->at] << 8 | k->p[k->at + 1]);
	k->at += 2;
	return true;
}

bool packet_get_u32(struct packet *k, uint32_t *out)
{
	uint16_t high, low;
	if (k->end - k->at < 4 || !packet_get_u16(k, &high) || !packet_get_u16(k, &low))
		return false;
	*out = (uint32_t)high << 16 | low;
	return true;
}

bool packet_get_rest(struct packet *k, size_t min, size_t max, struct str *out)
{
	size_t n = k->end - k->at;
	if (n < min || n > max)
		return false;
	*out = str_from(k->p + k->at, n);
	k->at = k->end;
	return true;
}

/* --- Names --- */

static bool append_label(struct packet *k, uint8_t n, struct packet_name *out)
{
	if (k->end - k->at < n || out->n + 1 + n > sizeof(out->p))
		return false;
	out->p[out->n++] = n;
	for (uint8_t i = 0; i < n; i++)
		out->p[out->n++] = (uint8_t)ascii_lower((char)k->p[k->at++]);
	return true;
}

/* Follows a pointer whose first octet is read; `limit` is where it must stay before. */
static bool follow(struct packet *k, uint8_t first, size_t *limit)
{
	uint8_t second;
	if ((first & POINTER) != POINTER || !packet_get_u8(k, &second))
		return false;
	size_t to = (size_t)(first & ~POINTER) << 8 | second;
	if (to >= *limit)
		return false;
	k->end = *limit;
	k->at = to;
	*limit = to;
	return true;
}

bool packet_get_name(struct packet *k, struct packet_name *out)
{
	struct packet at = *k;
	size_t limit = k->at;
	bool jumped = false;
	uint8_t n;
	out->n = 0;
	do {
		if (!packet_get_u8(&at, &n))
			return false;
		if (n <= DNS_LABEL_MAX) {
			if (!append_label(&at, n, out))
				return false;
		} else if (!follow(&at, n, &limit)) {
			return false;
		} else if (!jumped) {
			k->at += 2;
			jumped = true;
		}
		if (!jumped)
			k->at = at.at;
	} while (n != 0);
	return true;
}

bool packet_name_eq(const struct packet_name *a, const struct packet_name *b)
{
	return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

bool packet_name_is_root(const struct packet_name *name)
{
	return name->n == 1;
}

void packet_name_from_host(struct str text, struct packet_name *out)
{
	out->n = 0;
	while (text.n > 0) {
		struct str label = str_head(text, str_find(text, '.'));
		out->p[out->n++] = (uint8_t)label.n;
		memcpy(out->p + out->n, label.p, label.n);
		out->n += label.n;
		text = str_skip(text, label.n + 1);
	}
	out->p[out->n++] = 0;
}

bool packet_name_to_host(const struct packet_name *name, char out[DNS_NAME_MAX], struct str *text)
{
	size_t n = 0;
	for (size_t at = 0; name->p[at] != 0; at += 1U + name->p[at]) {
		struct str label = str_from(name->p + at + 1, name->p[at]);
		if (str_find(label, '.') < label.n)
			return false;
		if (n > 0)
			out[n++] = '.';
		memcpy(out + n, label.p, label.n);
		n += label.n;
	}
	*text = str_from(out, n);
	return dns_name_is_host(*text);
}

/* --- Sections --- */

bool packet_get_header(struct packet *k, struct packet_header *out)
{
	uint16_t id, flags;
	if (!packet_get_u16(k, &id) || !packet_get_u16(k, &flags))
		return false;
	out->response = flags >> 15;
	out->opcode = (uint8_t)(flags >> 11 & 15);
	out->truncated = flags >> 9 & 1;
	out->rcode = (uint8_t)(flags & 15);
	return packet_get_u16(k, &out->questions) && packet_get_u16(k, &out->answers) &&
	       packet_get_u16(k, &out->authorities) && packet_get_u16(k, &out->additionals);
}

bool packet_get_question(struct packet *k, struct packet_name *name, uint16_t *type)
{
	uint16_t class;
	return packet_get_name(k, name) && packet_get_u16(k, type) && packet_get_u16(k, &class) &&
	       class == CLASS_IN;
}

bool packet_get_record(struct packet *k, struct packet_record *out)
{
	uint16_t n;
	if (!packet_get_name(k, &out->owner) || !packet_get_u16(k, &out->type) ||
	    !packet_get_u16(k, &out->class) || !packet_get_u32(k, &out->ttl) ||
	    !packet_get_u16(k, &n) || k->end - k->at < n)
		return false;
	out->rdata = (struct packet){.p = k->p, .at = k->at, .end = k->at + n};
	k->at += n;
	return true;
}
