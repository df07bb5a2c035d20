/* SPDX-License-Identifier: ISC
 *
 * What is taken for an id is exactly what would be printed for it.
 */
#include "common/queue-id.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[QUEUE_ID_SIZE];
	uint64_t id;
	if (!queue_id_parse(str_from(data, size), &id))
		return 0;
	queue_id_format(id, text);
	if (!str_eq(str_from(data, size), str_from_cstr(text)))
		abort();
	return 0;
}
