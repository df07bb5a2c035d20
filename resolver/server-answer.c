/* SPDX-License-Identifier: ISC */
#include "resolver/server-answer.h"
#include "common/msg-remote-resolver.h"

#define COMMON(a)                                                                                  \
	.cookie = cookie, .state = (uint8_t)(a)->state, .secure = (a)->secure, .ttl = (a)->ttl,    \
	.why = str_head((a)->why, REASON_MAX)

static void send_mx(struct channel *to, uint32_t cookie, const struct answer *a)
{
	const struct msg_mx_answer m = {
	    COMMON(a), .canonical = a->canonical, .hosts = a->hosts, .hosts_count = a->count};
	msg_mx_answer_send(to, &m, NULL);
}

static void send_ip(struct channel *to, uint32_t cookie, const struct answer *a)
{
	const struct msg_ip_answer m = {COMMON(a), .canonical = a->canonical,
	    .addresses = a->addresses, .addresses_count = a->count};
	msg_ip_answer_send(to, &m, NULL);
}

static void send_tlsa(struct channel *to, uint32_t cookie, const struct answer *a)
{
	const struct msg_tlsa_answer m = {COMMON(a), .records = a->tlsa, .records_count = a->count};
	msg_tlsa_answer_send(to, &m, NULL);
}

static void send_txt(struct channel *to, uint32_t cookie, const struct answer *a)
{
	const struct msg_txt_answer m = {COMMON(a), .texts = a->texts, .texts_count = a->count};
	msg_txt_answer_send(to, &m, NULL);
}

static void send_ptr(struct channel *to, uint32_t cookie, const struct answer *a)
{
	const struct msg_ptr_answer m = {COMMON(a), .names = a->names, .names_count = a->count};
	msg_ptr_answer_send(to, &m, NULL);
}

void server_answer(struct channel *to, uint32_t cookie, uint16_t type, const struct answer *a)
{
	switch (type) {
	case RR_MX:
		send_mx(to, cookie, a);
		break;
	case RR_TLSA:
		send_tlsa(to, cookie, a);
		break;
	case RR_TXT:
		send_txt(to, cookie, a);
		break;
	case RR_PTR:
		send_ptr(to, cookie, a);
		break;
	default:
		send_ip(to, cookie, a);
	}
}
