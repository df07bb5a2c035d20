/* SPDX-License-Identifier: ISC
 *
 * What is taken for a nexthop has one text, and that is taken for the same.
 */
#include "common/nexthop.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nexthop n, again;
	char text[NEXTHOP_TEXT_SIZE], second[NEXTHOP_TEXT_SIZE];
	if (!nexthop_parse(str_from(data, size), &n))
		return 0;
	struct str canonical = nexthop_format(&n, text);
	if (!nexthop_parse(canonical, &again) || again.kind != n.kind || again.port != n.port ||
	    again.protocol != n.protocol || memcmp(again.address, n.address, 16) != 0 ||
	    !str_caseeq(again.name, n.name))
		abort();
	nexthop_format(&again, second);
	if (strcmp(text, second) != 0)
		abort();
	return 0;
}
