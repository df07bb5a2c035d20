/* SPDX-License-Identifier: ISC
 *
 * Any packet as the answer to a question of any type: what comes of it can be sent, and nothing
 * but a whole and proper packet means "nothing". The first octet says security and type, and
 * whether the rest is the packet, or four octets (RCODE and the sections' counts) and what
 * follows the header and the question, which are then as they should be.
 */
#include "common/buf.h"
#include "resolver/answer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct question make_question(uint8_t which)
{
	struct question q;
	bool ok;
	switch (which % 6) {
	case 0:
		ok = question_host(RR_MX, STR("d.example"), &q);
		break;
	case 1:
	case 2:
		ok = question_address(which % 6 == 1 ? 4 : 6, STR("d.example"), &q);
		break;
	case 3:
		ok = question_tlsa(25, STR("d.example"), &q);
		break;
	case 4:
		ok = question_host(RR_TXT, STR("d.example"), &q);
		break;
	default:
		ok = question_ptr(STR("\1\2\3\4"), &q);
	}
	if (!ok)
		abort();
	return q;
}

static void check_host(struct str host)
{
	if (!dns_name_is_host(host) || dns_name_is_numeric(host))
		abort();
}

static void check_hosts(const struct answer *a)
{
	for (size_t i = 0; i < a->count; i++) {
		if (i > 0 && a->hosts[i].preference < a->hosts[i - 1].preference)
			abort();
		if (a->hosts[i].host.n > 0 || a->count > 1)
			check_host(a->hosts[i].host);
	}
}

static void check_records(uint16_t type, const struct answer *a)
{
	static const struct {
		uint16_t type;
		size_t max;
	} most[] = {{RR_MX, MX_HOSTS_MAX}, {RR_A, IP_ADDRESSES_MAX}, {RR_AAAA, IP_ADDRESSES_MAX},
	    {RR_TLSA, TLSA_MAX}, {RR_TXT, TXTS_MAX}, {RR_PTR, PTR_NAMES_MAX}};
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
		if (most[i].type == type && a->count > most[i].max)
			abort();
	if (type == RR_MX)
		check_hosts(a);
	for (size_t i = 0; i < a->count; i++) {
		if (type == RR_PTR)
			check_host(a->names[i].name);
		if ((type == RR_A && a->addresses[i].octets.n != 4) ||
		    (type == RR_AAAA && a->addresses[i].octets.n != 16) ||
		    (type == RR_TXT && a->texts[i].text.n > TXT_MAX) ||
		    (type == RR_TLSA &&
			(a->tlsa[i].data.n < 1 || a->tlsa[i].data.n > TLSA_DATA_MAX)))
			abort();
	}
}

/* The header and question that the rest may stand behind. */
static struct str make_packet(const struct question *q, const uint8_t *data, size_t size)
{
	static struct buf packet = BUF_INIT(1 << 20);
	const uint8_t header[12] = {0, 1, 0x81, data[0], 0, 1, 0, data[1], 0, data[2], 0, data[3]};
	const uint8_t question[4] = {(uint8_t)(q->type >> 8), (uint8_t)q->type, 0, CLASS_IN};
	struct packet_name name;
	packet_name_from_host(question_name(q), &name);
	buf_reset(&packet);
	if (!buf_append(&packet, header, sizeof(header)) || !buf_append(&packet, name.p, name.n) ||
	    !buf_append(&packet, question, sizeof(question)) ||
	    !buf_append(&packet, data + 4, size - 4))
		abort();
	return buf_str(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pool *pool;
	struct answer out;
	if (size == 0)
		return 0;
	if (pool == NULL)
		pool = pool_new(ANSWER_POOL_MAX);
	pool_reset(pool);
	const struct question q = make_question(data[0]);
	const bool raw = (data[0] & 0x40) != 0 || size < 5;
	const struct answer_input in = {
	    .packet = raw ? str_from(data + 1, size - 1) : make_packet(&q, data + 1, size - 1),
	    .security = data[0] & 0x80 ? ANSWER_SECURE : ANSWER_INSECURE};
	answer_parse(&q, &in, pool, &out);
	if ((out.state == DNS_OK) != (out.count > 0) || (out.state == DNS_OK) != (out.why.n == 0))
		abort();
	if (out.secure && in.security != ANSWER_SECURE)
		abort();
	if (out.ttl > ANSWER_TTL_MAX || out.why.n > REASON_MAX || !dns_name_is_host(out.canonical))
		abort();
	if (out.state != DNS_OK && out.state != DNS_TEMPORARY &&
	    (in.packet.n < 12 || !(in.packet.p[2] & 0x80)))
		abort();
	check_records(q.type, &out);
	return 0;
}
