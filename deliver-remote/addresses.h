/* SPDX-License-Identifier: ISC
 *
 * In which order a host's addresses are tried: families in turn (RFC 8305 §4), chance between
 * those of one family. Pure.
 */
#ifndef POSTERN_REMOTE_ADDRESSES_H
#define POSTERN_REMOTE_ADDRESSES_H

#include "common/msg-remote-resolver.h"
#include "deliver-remote/place.h"

enum { ADDRESSES_MAX = 8 }; /* of one host */

/* Fills `out` and returns how many. Either list may be empty; octets of the wrong length are
 * skipped. When there are more than ADDRESSES_MAX both families are among the chosen. */
size_t addresses_order(struct place out[ADDRESSES_MAX], const struct ip_address *v6,
    size_t v6_count, const struct ip_address *v4, size_t v4_count, uint16_t port, bool v4_first,
    uint64_t chance);

#endif
