/* SPDX-License-Identifier: ISC */
#include "common/fingerprint.h"

#include <openssl/crypto.h>

static bool take_prefix(struct str *s, struct str prefix)
{
	if (!str_has_caseprefix(*s, prefix))
		return false;
	*s = str_skip(*s, prefix.n);
	return true;
}

bool fingerprint_parse(struct str in, uint8_t sha256[FINGERPRINT_SIZE])
{
	in = str_trim(in);
	if (take_prefix(&in, STR("sha256"))) {
		in = str_trim(in);
		if (!take_prefix(&in, STR("fingerprint=")))
			return false;
	}
	bool colons = in.n == (size_t)FINGERPRINT_SIZE * 3 - 1;
	if (!colons && in.n != (size_t)FINGERPRINT_SIZE * 2)
		return false;
	for (size_t i = 0; i < FINGERPRINT_SIZE; i++) {
		const char *digits = in.p + i * (colons ? 3 : 2);
		int high = OPENSSL_hexchar2int((unsigned char)digits[0]);
		int low = OPENSSL_hexchar2int((unsigned char)digits[1]);
		bool joined = !colons || i + 1 == FINGERPRINT_SIZE || digits[2] == ':';
		if (high < 0 || low < 0 || !joined)
			return false;
		sha256[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
