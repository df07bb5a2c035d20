/* SPDX-License-Identifier: ISC
 *
 * What the configuration says, for the deliveries that begin under it: counted, as sessions
 * outlive a reload.
 */
#ifndef POSTERN_REMOTE_POLICY_H
#define POSTERN_REMOTE_POLICY_H

#include "common/conf.h"
#include "deliver-remote/place.h"

struct policy {
	unsigned holders;
	char *hostname, *helo;
	uint64_t connect_ms, greeting_ms, command_ms, data_ms, end_ms; /* time limits by phase */
	uint64_t reuse_idle_ms;
	unsigned reuse_max;
	bool chunking; /* BDAT to who offers it */
	unsigned concurrency;
	uint16_t port;	   /* instead of 25 */
	bool ipv4, ipv6;   /* may be used */
	bool bind4, bind6; /* to these: */
	struct place source4, source6;
	struct place *self; /* where this server itself takes SMTP; octets all zero: any address */
	size_t self_count;
};

struct policy *policy_new(const struct conf *conf);
struct policy *policy_hold(struct policy *policy);
void policy_release(struct policy *policy);
/* This server listens there; `local` is our own address of the connection, NULL: not known yet. */
bool policy_is_self(
    const struct policy *policy, const struct place *there, const struct place *local);

#endif
