/* SPDX-License-Identifier: ISC
 *
 * The key pairs that are in force, in the order of the configuration, and those that
 * were until a moment ago: a handshake under way may still need them.
 */
#ifndef POSTERN_KEYS_VAULT_H
#define POSTERN_KEYS_VAULT_H

#include "common/conf.h"
#include "common/service.h"
#include "keys/pair.h"

enum { VAULT_GRACE_MS = 5 * 60 * 1000 };

/* Reads the two files, which it closes, and puts the pair in force; when it is bad, the log says
 * why and the one before it stays. So it does when the certificate has expired, or is not valid
 * yet, while the one before is valid. True when there is something new. `verdict` comes all zero, and
 * gets what the log says. */
bool vault_take(const struct conf_certificate *certificate, int chain, int key, uint64_t now_ms,
    struct key_verdict *verdict);
/* Another configuration: what is not in it goes, the rest is for whom it says. True when something
 * changed. */
bool vault_keep_only(const struct conf *conf, uint64_t now_ms);
/* Forgets what went VAULT_GRACE_MS ago, and puts in force what came before it was valid and
 * is now. True when something changed. */
bool vault_tick(uint64_t now_ms);

struct vault_entry {
	uint32_t id;
	const char *name;
	struct pair *pair;
	bool for_servers; /* listeners show it */
	bool for_clients; /* deliver-remote does */
};
/* In force, or in its grace; false: unknown. */
bool vault_find(uint32_t id, struct vault_entry *entry);
/* Those in force, in the order of conf's certificates. */
void vault_each(
    const struct conf *conf, void (*fn)(void *ctx, const struct vault_entry *entry), void *ctx);

#endif
