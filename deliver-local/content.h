/* SPDX-License-Identifier: ISC
 *
 * What a mailbox file holds: the fields added at the delivery, then the content
 * as SMTP took it without its Return-Path fields, all with LF lines (lf-lines.h).
 *
 * Return-Path: RFC 5321 §4.4 wants exactly one, that of the final delivery, and
 * lets the server that delivers remove others. They are looked for in the header,
 * as far as it lies in the first CONTENT_BLOCK octets.
 */
#ifndef POSTERN_CONTENT_H
#define POSTERN_CONTENT_H

#include "common/str.h"
#include "deliver-local/lf-lines.h"

enum {
	CONTENT_BLOCK = 256 * 1024, /* octets of a large message in memory at once */
	CONTENT_ADDED_MAX = 2048,   /* octets of the fields added at the delivery */
};

/* One message, for any number of mailboxes. The converted text lies in the module's own memory:
 * only the content that was made last may be used. */
struct content {
	int fd;		      /* of a large message, the caller's; -1: in memory */
	uint64_t size;	      /* of that file */
	struct lf_lines body; /* in memory: what became of the text */
};

struct content_size {
	uint64_t octets;      /* of the file: S= */
	uint64_t crlf_octets; /* W= */
};

/* `text` has at most CONTENT_BLOCK octets and need not live on. */
void content_from_text(struct content *c, struct str text);
/* `fd` stays open as long as the content is used; its offset does not matter. */
void content_from_file(struct content *c, int fd, uint64_t size);

/* content_write and content_compare return 0 or an errno; EBADMSG: the large message's file is
 * shorter than it should be. `added` has CRLF lines and at most CONTENT_ADDED_MAX octets. */
int content_write(const struct content *c, struct str added, int to, struct content_size *size);
/* The sizes that content_write would give; false for a large message, where only it can tell. */
bool content_size(const struct content *c, struct str added, struct content_size *size);
/* Reads `file` on from its offset: is it this message, to the last octet? */
int content_compare(const struct content *c, struct str added, int file, bool *same);

#endif
