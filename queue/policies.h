/* SPDX-License-Identifier: ISC
 *
 * What the configuration says of destinations: the sections `remote` and `queue`
 * for all, sections `destination` for single ones. A section's title is a nexthop,
 * compared without case, or ".example.org" for every domain below example.org. The
 * closest one counts alone: a nexthop's own, else the longest that it is below.
 */
#ifndef POSTERN_QUEUE_POLICIES_H
#define POSTERN_QUEUE_POLICIES_H

#include "common/conf.h"
#include "queue/scheduler.h"

struct policies;

struct policies *policies_new(const struct conf *conf);
void policies_free(struct policies *p);
/* For a destination of TRANSPORT_REMOTE; NULL when no section is for it: the transport's. Lent
 * until policies_free. */
const struct destination_policy *policies_find(const struct policies *p, struct str nexthop);
struct transport_policy policies_transport(const struct conf *conf, enum transport transport);

#endif
