/* SPDX-License-Identifier: ISC */
#include "common/queue-id.h"

enum { DIGITS = 11, BASE = 52 };

static const char alphabet[BASE + 1] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";

void queue_id_format(uint64_t id, char out[QUEUE_ID_SIZE])
{
	for (size_t i = DIGITS; i-- > 0; id /= BASE)
		out[i] = alphabet[id % BASE];
	out[DIGITS] = '\0';
}

bool queue_id_parse(struct str text, uint64_t *id)
{
	uint64_t v = 0;
	if (text.n != DIGITS)
		return false;
	for (size_t i = 0; i < DIGITS; i++) {
		const char *at = memchr(alphabet, text.p[i], BASE);
		if (at == NULL)
			return false;
		v = v * BASE + (uint64_t)(at - alphabet); /* 52^11 < 2^63 */
	}
	*id = v;
	return true;
}
