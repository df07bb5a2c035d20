/* SPDX-License-Identifier: ISC
 *
 * Who a spool is: a random number that is part of every mailbox file's name, and a secret
 * from which its CRCs start. Both are in the file SPOOL/identity and in the header of every
 * segment; either is enough.
 */
#ifndef POSTERN_SPOOL_IDENTITY_H
#define POSTERN_SPOOL_IDENTITY_H

#include "queue/spool-survey.h"

struct spool_identity_vote {
	uint32_t slot;
	uint32_t identity;
	uint64_t key;
};

struct spool_identity_votes {
	struct spool_identity_vote *list;
	size_t count, capacity;
};

void spool_identity_vote(struct spool_identity_votes *v, uint32_t slot, uint32_t identity, uint64_t key);
bool spool_identity_is_ours(const struct spool_identity_votes *v, uint32_t slot, uint32_t identity,
    uint64_t key);
void spool_identity_votes_reset(struct spool_identity_votes *v);

/* Fills in identity, key and seed: from the file, else what most segments say, else random.
 * 0 or an errno. */
int spool_identity_find(struct spool_survey *s, const struct spool_identity_votes *v,
    struct spool_faults *faults);
uint32_t spool_identity_seed(uint64_t key);

#endif
