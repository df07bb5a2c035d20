/* SPDX-License-Identifier: ISC
 *
 * Replies of a server, whole and octet by octet: the same comes of them, and what
 * comes is well-formed.
 */
#include "deliver-remote/reply.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct reply_parser *p)
{
	struct str text = reply_text(p);
	if (p->code < 200 || p->code > 599 || text.n < 3 || text.n > REMOTE_TEXT_MAX)
		abort();
	for (size_t i = 0; i < text.n; i++)
		if (!ascii_is_print(text.p[i]))
			abort();
	struct str enhanced = str_from_cstr(p->enhanced);
	if (enhanced.n > 0 && reply_enhanced(enhanced, p->code / 100) != enhanced.n)
		abort();
	if (p->lines > REPLY_LINES_MAX || p->octets > REPLY_OCTETS_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_parser whole, cut;
	struct str in = str_from(data, size);
	reply_init(&whole);
	reply_init(&cut);
	while (in.n > 0) {
		struct str before = in;
		enum reply_event event = reply_feed(&whole, &in), other = REPLY_MORE;
		for (size_t i = 0; i < before.n - in.n; i++) {
			struct str octet = {before.p + i, 1};
			if (other != REPLY_MALFORMED)
				other = reply_feed(&cut, &octet);
		}
		if (event != other)
			abort();
		if (event == REPLY_MALFORMED)
			break;
		if (event == REPLY_DONE) {
			check(&whole);
			check(&cut);
			if (!str_eq(reply_text(&whole), reply_text(&cut)))
				abort();
		}
		if (event != REPLY_MORE && !str_eq(reply_line(&whole), reply_line(&cut)))
			abort();
	}
	return 0;
}
