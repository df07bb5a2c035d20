/* SPDX-License-Identifier: ISC
 *
 * Only three things may say that there is nothing: NXDOMAIN, an empty NOERROR answer, and the
 * zone's SOA beside either; all else that is not a good answer is "not now". A record that is
 * well formed but of no use (a name that is no host name, a text too long) is left out, and when
 * none is left the answer is "not now" too: it is not the same as having none.
 */
#include "resolver/answer.h"
#include "resolver/answer-records.h"
#include "resolver/rdata.h"

#include <stdio.h>

struct sections {
	struct packet_header header;
	struct packet answers; /* from the first record to behind the last */
	bool has_soa;
	uint32_t negative_ttl;
};

struct answer answer_temporary(const struct question *q, struct str why)
{
	return (struct answer){.state = DNS_TEMPORARY, .why = why, .canonical = question_name(q)};
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Steps over `count` records; notes a zone's SOA. */
static bool skip_records(struct packet *k, unsigned count, struct sections *s)
{
	struct packet_record r;
	uint32_t minimum;
	for (; count > 0; count--) {
		if (!packet_get_record(k, &r))
			return false;
		if (s == NULL || r.type != RR_SOA || s->has_soa)
			continue;
		if (!rdata_get_soa_minimum(r.rdata, &minimum))
			return false;
		s->has_soa = true;
		s->negative_ttl = least(minimum, r.ttl);
	}
	return true;
}

/* The whole packet is well formed and answers this question. */
static bool read_sections(
    struct packet k, const struct packet_name *asked, uint16_t type, struct sections *s)
{
	struct packet_name name;
	uint16_t of_type;
	if (!packet_get_header(&k, &s->header) || !s->header.response || s->header.opcode != 0 ||
	    s->header.questions != 1 || !packet_get_question(&k, &name, &of_type) ||
	    of_type != type || !packet_name_eq(&name, asked))
		return false;
	s->answers = k;
	if (!skip_records(&k, s->header.answers, NULL))
		return false;
	s->answers.end = k.at;
	return skip_records(&k, s->header.authorities, s) &&
	       skip_records(&k, s->header.additionals, NULL) && packet_is_done(&k);
}

enum step { STEP_END, STEP_ALIAS, STEP_BROKEN };

/* One step along the aliases: from `at` to what its CNAME names. */
static enum step follow_alias(struct packet answers, struct packet_name *at, uint32_t *ttl)
{
	struct packet_record r;
	while (!packet_is_done(&answers) && packet_get_record(&answers, &r)) {
		if (r.type != RR_CNAME || r.class != CLASS_IN || !packet_name_eq(&r.owner, at))
			continue;
		*ttl = least(*ttl, r.ttl);
		return rdata_get_name(r.rdata, at) ? STEP_ALIAS : STEP_BROKEN;
	}
	return STEP_END;
}

/* False when the chain is broken or too long, which a loop is, too. */
static bool follow_aliases(const struct sections *s, struct packet_name *at, uint32_t *ttl)
{
	for (int i = 0; i <= ANSWER_CHAIN_MAX; i++) {
		enum step step = follow_alias(s->answers, at, ttl);
		if (step != STEP_ALIAS)
			return step == STEP_END;
	}
	return false;
}

/* The canonical name stands in answers for hosts only; elsewhere it may be any name. */
static bool take_canonical(
    const struct question *q, const struct packet_name *name, struct pool *pool, struct answer *out)
{
	if (q->type != RR_MX && q->type != RR_A && q->type != RR_AAAA)
		return true;
	char *text = pool_alloc(pool, DNS_NAME_MAX);
	return text != NULL && packet_name_to_host(name, text, &out->canonical);
}

static void nothing(struct answer *out, const struct sections *s, uint32_t chain_ttl)
{
	uint32_t ttl = s->has_soa ? s->negative_ttl : ANSWER_NEGATIVE_TTL;
	out->ttl = least(least(ttl, chain_ttl), ANSWER_NEGATIVE_TTL_MAX);
	out->state = s->header.rcode == 0 ? DNS_NO_DATA : DNS_NO_NAME;
	out->why = out->state == DNS_NO_DATA ? STR("there are no such records of that name")
					     : STR("there is no such name");
}

/* TLSA records that nobody vouches for are as none (RFC 7672 §2.2). */
static bool is_worthless(const struct question *q, const struct answer *out)
{
	return q->type == RR_TLSA && !out->secure && out->state == DNS_OK;
}

static void parse_records(const struct question *q, const struct sections *s,
    struct packet_name *name, struct pool *pool, struct answer *out)
{
	uint32_t ttl = ANSWER_TTL_MAX;
	struct answer_records records = {.type = q->type, .pool = pool, .ttl = UINT32_MAX};
	if (!follow_aliases(s, name, &ttl) || !take_canonical(q, name, pool, out)) {
		*out = answer_temporary(q, STR("its aliases (CNAME) lead nowhere"));
		return;
	}
	if (!answer_records_collect(&records, s->answers, name)) {
		*out = answer_temporary(q, STR("a record of it is malformed"));
		return;
	}
	if (s->header.rcode != 0 && records.seen > 0) {
		*out = answer_temporary(q, STR("the answer contradicts itself"));
		return;
	}
	if (records.seen == 0) {
		nothing(out, s, ttl);
		return;
	}
	if (records.count == 0) {
		*out = answer_temporary(q, STR("none of its records can be used"));
		return;
	}
	out->state = DNS_OK;
	out->ttl = least(ttl, records.ttl);
	answer_records_give(&records, out);
}

/* The name of an error for people; RFC 1035 §4.1.1, RFC 2136 §2.2. */
static struct str error_text(unsigned rcode)
{
	static const char *const texts[] = {[1] = "FORMERR: a name server did not understand",
	    [2] = "SERVFAIL: its name servers fail or cannot be reached",
	    [4] = "NOTIMP: a name server cannot answer this",
	    [5] = "REFUSED: a name server does not want to answer"};
	if (rcode < sizeof(texts) / sizeof(texts[0]) && texts[rcode] != NULL)
		return str_from_cstr(texts[rcode]);
	return STR("a name server answered with an unexpected error");
}

static void bogus(const struct question *q, const char *why, struct pool *pool, struct answer *out)
{
	struct str reason = str_from_cstr(why == NULL ? "its signatures do not validate" : why);
	*out = (struct answer){.state = DNS_BOGUS, .canonical = question_name(q)};
	if (!pool_copy(pool, str_head(reason, REASON_MAX), &out->why))
		return;
	for (size_t i = 0; i < out->why.n; i++)
		if (!ascii_is_print(out->why.p[i]))
			((char *)(uintptr_t)out->why.p)[i] = '?';
}

void answer_parse(
    const struct question *q, const struct answer_input *in, struct pool *pool, struct answer *out)
{
	enum { NOERROR = 0, NXDOMAIN = 3 };
	struct packet k = {.p = (const uint8_t *)in->packet.p, .end = in->packet.n};
	struct packet_name name;
	struct sections s = {.has_soa = false};
	if (in->security == ANSWER_BOGUS) {
		bogus(q, in->why_bogus, pool, out);
		return;
	}
	packet_name_from_host(question_name(q), &name);
	if (in->rcode != NOERROR)
		*out = answer_temporary(q, error_text(in->rcode));
	else if (!read_sections(k, &name, q->type, &s))
		*out = answer_temporary(q, STR("the answer is malformed"));
	else if (s.header.truncated)
		*out = answer_temporary(q, STR("the answer is truncated"));
	else if (s.header.rcode != NOERROR && s.header.rcode != NXDOMAIN)
		*out = answer_temporary(q, error_text(s.header.rcode));
	else {
		*out = (struct answer){
		    .secure = in->security == ANSWER_SECURE, .canonical = question_name(q)};
		parse_records(q, &s, &name, pool, out);
	}
	if (is_worthless(q, out))
		*out = (struct answer){.state = DNS_NO_DATA,
		    .ttl = out->ttl,
		    .canonical = question_name(q),
		    .why = STR("its TLSA records are not signed")};
}
