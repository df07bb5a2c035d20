/* SPDX-License-Identifier: ISC
 *
 * Deliveries under way: each a message for some recipients of one nexthop, from queue's order
 * until there is exactly one result for each of them.
 */
#ifndef POSTERN_REMOTE_DELIVERY_H
#define POSTERN_REMOTE_DELIVERY_H

#include "common/msg-queue-remote.h"
#include "deliver-remote/dns-client.h"
#include "deliver-remote/policy.h"

/* How long a delivery may wait for the verdict on the one before it. */
enum { DELIVERY_AHEAD_MS = 10 * 1000 };

struct delivery_setup {
	struct dns_client *dns;
	/* Valid during the call. */
	void (*on_results)(const struct msg_remote_results *m);
	/* Its content is sent; one more may go ahead on its session. At most once for each. */
	void (*on_content_sent)(uint64_t delivery);
	/* Nothing was tried of it, or nothing came of that: it is queue's again. */
	void (*on_returned)(uint64_t delivery);
	/* The last one is gone. */
	void (*on_idle)(void);
};

void deliveries_init(const struct delivery_setup *setup);
/* For the deliveries from now on; counted. */
void deliveries_set_policy(struct policy *policy);

/* Begins one; what it is given is copied. */
void delivery_start(const struct remote_delivery *to, struct str content);
/* The same with the content in a file; takes fd. */
void delivery_start_large(const struct remote_delivery *to, int fd, uint64_t size);

/* Nobody waits for their results any more: all are ended, wherever they are. */
void deliveries_abort(void);
/* No new ones: they are put off at once. Those under way go on. */
void deliveries_stop(void);
size_t deliveries_count(void);
/* To be called about once a second. */
void deliveries_tick(uint64_t now_ms);
/* Channels of directory. */
void deliveries_connect_directory(int fd);

#endif
