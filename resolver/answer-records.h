/* SPDX-License-Identifier: ISC
 *
 * The records of one type at one name of an answer; for answer.c.
 */
#ifndef POSTERN_RESOLVER_ANSWER_RECORDS_H
#define POSTERN_RESOLVER_ANSWER_RECORDS_H

#include "resolver/answer.h"

struct answer_records {
	uint16_t type;
	struct pool *pool;
	uint32_t ttl; /* the least of all seen */
	size_t seen;  /* of that type at that name */
	size_t count; /* that can be used, at most what a message may have */
	bool null_mx; /* RFC 7505 */
	union {
		struct mx_host *hosts;
		struct ip_address *addresses;
		struct tlsa *tlsa;
		struct txt *texts;
		struct host_name *names;
		void *list;
	};
};

/* False when one is malformed. */
bool answer_records_collect(
    struct answer_records *r, struct packet answers, const struct packet_name *name);
/* Into the message's shape. */
void answer_records_give(struct answer_records *r, struct answer *out);

#endif
