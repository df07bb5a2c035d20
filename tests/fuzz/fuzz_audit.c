/* SPDX-License-Identifier: ISC
 *
 * Whatever stands in /proc: what is found lies inside the text.
 */
#include "control/audit-parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_from(data, size);
	struct audit_status status;
	struct audit_socket socket;
	uint64_t n;
	unsigned flags;
	audit_parse_status(text, &status);
	audit_parse_limit(text, STR("Max open files"), &n);
	audit_parse_inet(text, AUDIT_TCP, &socket);
	if (audit_parse_unix(text, &socket) && socket.path.n > 0 &&
	    (socket.path.p < text.p || socket.path.p + socket.path.n > text.p + text.n))
		abort();
	audit_parse_inode(text, STR("socket:["), &n);
	audit_parse_flags(text, &flags);
	return 0;
}
