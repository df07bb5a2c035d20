/* SPDX-License-Identifier: ISC
 *
 * What a POP3 session needs of a mailbox (RFC 1939's "maildrop"): a list of
 * messages that stays the same from the beginning to the end. Messages are counted
 * from 0 here.
 */
#ifndef POSTERN_MAILDROP_H
#define POSTERN_MAILDROP_H

#include "common/str.h"
#include "pop3d/maildir-entry.h"

#include <sys/types.h>

struct maildrop {
	const struct maildrop_ops *ops;
	size_t count;
};

struct maildrop_ops {
	/* Octets with CRLF line endings, as RETR sends them before dot-stuffing; 0 when the message
	 * is gone or cannot be read. */
	uint64_t (*size)(struct maildrop *drop, size_t i);
	struct str (*uidl)(struct maildrop *drop, size_t i, char space[UIDL_MAX]);
	/* One message is open at a time. read: octets as they are stored, 0 at the end, -1 on
	 * failure. */
	bool (*open)(struct maildrop *drop, size_t i);
	ssize_t (*read)(struct maildrop *drop, char *to, size_t n);
	void (*close)(struct maildrop *drop);
	/* False when it is still there. */
	bool (*remove)(struct maildrop *drop, size_t i);
};

#endif
