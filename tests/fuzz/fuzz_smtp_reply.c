/* SPDX-License-Identifier: ISC
 *
 * Any reply of a server: one that is whole lies inside the input, ends in LF, and no
 * shorter piece of it is whole.
 */
#include "control/smtp-reply.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_reply reply = {.code = 0}, shorter = {.code = 0};
	struct str in = str_from(data, size);
	if (smtp_reply_parse(in, &reply) != SMTP_REPLY_WHOLE)
		return 0;
	if (reply.lines.n == 0 || reply.lines.n > size || data[reply.lines.n - 1] != '\n')
		abort();
	if (smtp_reply_parse(str_head(in, reply.lines.n - 1), &shorter) == SMTP_REPLY_WHOLE)
		abort();
	struct str rest = reply.lines, text, enhanced = smtp_reply_enhanced(&reply);
	while (smtp_reply_next_line(&rest, &text))
		if (text.n > 0 && memchr(text.p, '\n', text.n) != NULL)
			abort();
	if (enhanced.n > 9)
		abort();
	for (unsigned stage = SMTP_STAGE_CONNECT; stage <= SMTP_STAGE_CONTENT; stage++)
		if ((smtp_reply_status(&reply, (enum smtp_stage)stage) == 0) != (reply.code < 400))
			abort();
	return 0;
}
