/* SPDX-License-Identifier: ISC
 *
 * The name of a mailbox file. It is made from the delivery alone, so that the
 * same delivery always has the same name:
 *
 *   SECONDS.QSPOOL-ID-NUMBER.HOST,S=SIZE,W=VSIZE
 *   `------- key ----------'
 *   `---------- unique ----------'
 *
 * The key alone tells two deliveries apart; the host is there because Maildir
 * readers expect one, and may change with the configuration.
 */
#ifndef POSTERN_MAILDIR_NAME_H
#define POSTERN_MAILDIR_NAME_H

#include "common/str.h"

enum {
	MAILDIR_NAME_SIZE = 256, /* with the NUL: no file system takes longer names */
	MAILDIR_HOST_MAX = 120,	 /* octets of HOST; leaves room for a reader's flags */
};

struct maildir_name {
	char unique[MAILDIR_NAME_SIZE];
	size_t unique_n;
	size_t key_n; /* octets of the key, its closing "." included */
};

struct maildir_delivery {
	uint64_t arrival; /* ms since the epoch */
	uint32_t spool;
	uint64_t id;
	uint16_t number;
	struct str hostname;
};

void maildir_name_format(struct maildir_name *name, const struct maildir_delivery *delivery);
/* The whole name with its sizes. */
void maildir_name_sized(const struct maildir_name *name, uint64_t octets, uint64_t crlf_octets,
    char out[MAILDIR_NAME_SIZE]);
/* Whether a file's name is that of the same delivery, whatever its host, sizes and flags. */
bool maildir_name_matches(const struct maildir_name *name, const char *file);

#endif
