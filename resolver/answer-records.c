/* SPDX-License-Identifier: ISC
 *
 * Invariant: count <= the type's maximum, seen >= count. Of too many MX records those with the
 * lowest preferences are kept; of other types the first ones.
 */
#include "resolver/answer-records.h"
#include "resolver/rdata.h"

enum use { USE_IT, USE_NOT, USE_BROKEN };

typedef enum use use_fn(struct answer_records *r, struct packet rdata);

static enum use host_text(struct answer_records *r, const struct packet_name *name, struct str *out)
{
	char *text = pool_alloc(r->pool, DNS_NAME_MAX);
	if (text == NULL || !packet_name_to_host(name, text, out))
		return USE_NOT;
	return dns_name_is_numeric(*out) ? USE_NOT : USE_IT;
}

/* Sorted as it is put in, behind those of the same preference. */
static void insert_host(struct answer_records *r, uint16_t preference, struct str host)
{
	size_t i = r->count < MX_HOSTS_MAX ? r->count++ : MX_HOSTS_MAX - 1;
	for (; i > 0 && r->hosts[i - 1].preference > preference; i--)
		r->hosts[i] = r->hosts[i - 1];
	r->hosts[i] = (struct mx_host){.preference = preference, .host = host};
}

static enum use use_mx(struct answer_records *r, struct packet rdata)
{
	struct packet_name name;
	struct str host;
	uint16_t preference;
	if (!rdata_get_mx(rdata, &preference, &name))
		return USE_BROKEN;
	if (packet_name_is_root(&name)) {
		r->null_mx = true;
		return USE_NOT;
	}
	if (r->count == MX_HOSTS_MAX && r->hosts[MX_HOSTS_MAX - 1].preference <= preference)
		return USE_NOT;
	enum use use = host_text(r, &name, &host);
	if (use == USE_IT)
		insert_host(r, preference, host);
	return use;
}

static enum use use_address(struct answer_records *r, struct packet rdata)
{
	struct str octets;
	if (!rdata_get_address(rdata, r->type == RR_A ? 4 : 16, &octets))
		return USE_BROKEN;
	if (r->count == IP_ADDRESSES_MAX)
		return USE_NOT;
	r->addresses[r->count++].octets = octets;
	return USE_IT;
}

static enum use use_tlsa(struct answer_records *r, struct packet rdata)
{
	struct tlsa one;
	if (!rdata_get_tlsa(rdata, &one))
		return USE_BROKEN;
	if (r->count == TLSA_MAX)
		return USE_NOT;
	r->tlsa[r->count++] = one;
	return USE_IT;
}

static enum use use_txt(struct answer_records *r, struct packet rdata)
{
	struct str text;
	if (r->count == TXTS_MAX)
		return USE_NOT;
	if (!rdata_get_txt(rdata, r->pool, &text))
		return USE_BROKEN;
	if (text.n > TXT_MAX)
		return USE_NOT;
	r->texts[r->count++].text = text;
	return USE_IT;
}

static enum use use_ptr(struct answer_records *r, struct packet rdata)
{
	struct packet_name name;
	struct str host;
	if (!rdata_get_name(rdata, &name))
		return USE_BROKEN;
	if (r->count == PTR_NAMES_MAX)
		return USE_NOT;
	enum use use = host_text(r, &name, &host);
	if (use == USE_IT)
		r->names[r->count++].name = host;
	return use;
}

/* The root's keys: that there are some is all that is asked. */
static enum use use_key(struct answer_records *r, struct packet rdata)
{
	(void)rdata;
	r->count = 1;
	return USE_IT;
}

static const struct {
	uint16_t type;
	use_fn *use;
	size_t max;
	size_t size;
} kinds[] = {
    {RR_MX, use_mx, MX_HOSTS_MAX, sizeof(struct mx_host)},
    {RR_A, use_address, IP_ADDRESSES_MAX, sizeof(struct ip_address)},
    {RR_AAAA, use_address, IP_ADDRESSES_MAX, sizeof(struct ip_address)},
    {RR_TLSA, use_tlsa, TLSA_MAX, sizeof(struct tlsa)},
    {RR_TXT, use_txt, TXTS_MAX, sizeof(struct txt)},
    {RR_PTR, use_ptr, PTR_NAMES_MAX, sizeof(struct host_name)},
    {RR_DNSKEY, use_key, 1, 1},
};

bool answer_records_collect(
    struct answer_records *r, struct packet answers, const struct packet_name *name)
{
	struct packet_record record;
	size_t kind = 0;
	while (kinds[kind].type != r->type)
		kind++;
	r->list = pool_array(r->pool, kinds[kind].max, kinds[kind].size);
	if (r->list == NULL)
		return false;
	while (!packet_is_done(&answers) && packet_get_record(&answers, &record)) {
		if (record.type != r->type || record.class != CLASS_IN ||
		    !packet_name_eq(&record.owner, name))
			continue;
		r->seen++;
		if (record.ttl < r->ttl)
			r->ttl = record.ttl;
		if (kinds[kind].use(r, record.rdata) == USE_BROKEN)
			return false;
	}
	/* The null MX counts only when it stands alone (RFC 7505 §3). */
	if (r->null_mx && r->seen == 1)
		insert_host(r, 0, (struct str){NULL, 0});
	return true;
}

void answer_records_give(struct answer_records *r, struct answer *out)
{
	out->count = r->count;
	switch (r->type) {
	case RR_MX:
		out->hosts = r->hosts;
		break;
	case RR_TLSA:
		out->tlsa = r->tlsa;
		break;
	case RR_TXT:
		out->texts = r->texts;
		break;
	case RR_PTR:
		out->names = r->names;
		break;
	case RR_A:
	case RR_AAAA:
		out->addresses = r->addresses;
		break;
	default:
		break;
	}
}
