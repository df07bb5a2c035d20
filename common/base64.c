/* SPDX-License-Identifier: ISC
 *
 * EVP_DecodeBlock forgives blanks around the text and does not say how much of its
 * result was padding; what it made is encoded again, and must give the same text.
 */
#include "common/base64.h"
#include "common/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

enum { TEXT_MAX = 64 * 1024 };

static size_t padding(struct str in)
{
	size_t n = 0;
	while (n < 2 && n < in.n && in.p[in.n - 1 - n] == '=')
		n++;
	return n;
}

/* `room` for in.n / 4 * 3 octets at `raw`, and for as much as `in` and a NUL behind it. */
static bool decode(struct str in, uint8_t *raw, size_t *n)
{
	uint8_t *again = raw + in.n / 4 * 3;
	int got = EVP_DecodeBlock(raw, (const uint8_t *)in.p, (int)in.n);
	if (got < 0)
		return false;
	*n = (size_t)got - padding(in);
	int text = EVP_EncodeBlock(again, raw, (int)*n);
	return (size_t)text == in.n && memcmp(again, in.p, in.n) == 0;
}

bool base64_decode(struct str in, void *out, size_t room, size_t *n)
{
	*n = 0;
	if (in.n == 0)
		return true;
	if (in.n % 4 != 0 || in.n > TEXT_MAX)
		return false;
	size_t size = in.n / 4 * 3 + in.n + 1;
	uint8_t *raw = xmalloc(size);
	bool ok = decode(in, raw, n) && *n <= room;
	if (ok)
		memcpy(out, raw, *n);
	OPENSSL_cleanse(raw, size);
	free(raw);
	return ok;
}

bool base64_encode(struct buf *out, const void *p, size_t n)
{
	if (n == 0)
		return true;
	uint8_t *at = n > TEXT_MAX ? NULL : buf_reserve(out, BASE64_SIZE(n) + 1);
	if (at == NULL)
		return false;
	buf_commit(out, (size_t)EVP_EncodeBlock(at, p, (int)n));
	return true;
}
