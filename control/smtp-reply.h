/* SPDX-License-Identifier: ISC
 *
 * Replies of an SMTP server (RFC 5321 §4.2), for the client that sendmail is.
 */
#ifndef POSTERN_CONTROL_SMTP_REPLY_H
#define POSTERN_CONTROL_SMTP_REPLY_H

#include "common/str.h"

enum { SMTP_REPLY_MAX = 64 * 1024 };

struct smtp_reply {
	unsigned code;
	struct str lines; /* the whole reply, codes and line ends included; borrowed */
};

enum smtp_reply_result {
	SMTP_REPLY_WHOLE,
	SMTP_REPLY_PARTIAL, /* more octets are needed */
	SMTP_REPLY_MALFORMED,
};

/* The reply at the start of `in`; reply->lines.n is its length. */
enum smtp_reply_result smtp_reply_parse(struct str in, struct smtp_reply *reply);
/* The text of the next line, without code and line end; `rest` starts as reply->lines. False at
 * the end. */
bool smtp_reply_next_line(struct str *rest, struct str *text);
/* The enhanced status code at the start of the first line (RFC 3463 §2), "5.1.1"; empty: none. */
struct str smtp_reply_enhanced(const struct smtp_reply *reply);

/* What is being asked when a reply comes. */
enum smtp_stage {
	SMTP_STAGE_CONNECT, /* greeting, EHLO */
	SMTP_STAGE_MAIL,
	SMTP_STAGE_RCPT,
	SMTP_STAGE_CONTENT, /* DATA and after it */
};

/* The exit status (sysexits.h) that a reply means to whoever runs sendmail; EX_OK for 2xx and 3xx.
 */
int smtp_reply_status(const struct smtp_reply *reply, enum smtp_stage stage);

#endif
