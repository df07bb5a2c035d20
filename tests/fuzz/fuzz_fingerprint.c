/* SPDX-License-Identifier: ISC
 *
 * A fingerprint that is taken is, written anew, the same one.
 */
#include "common/fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t sha256[FINGERPRINT_SIZE], again[FINGERPRINT_SIZE];
	char text[2 * FINGERPRINT_SIZE + 1];
	if (!fingerprint_parse(str_from(data, size), sha256))
		return 0;
	for (size_t i = 0; i < FINGERPRINT_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", sha256[i]);
	if (!fingerprint_parse(str_from_cstr(text), again) || memcmp(sha256, again, FINGERPRINT_SIZE) != 0)
		abort();
	return 0;
}
