/* SPDX-License-Identifier: ISC
 *
 * The messages of a Maildir at one moment: 32 octets each, and their names.
 */
#ifndef POSTERN_MAILDIR_LIST_H
#define POSTERN_MAILDIR_LIST_H

#include "common/str.h"

#define MAILDIR_SIZE_UNKNOWN UINT64_MAX

struct maildir_item {
	uint64_t size;	   /* with CRLF, or MAILDIR_SIZE_UNKNOWN */
	uint32_t time;	   /* as far as the name tells */
	uint32_t name;	   /* where in `names` */
	uint16_t unique_n; /* the name begins with the unique part */
	bool in_cur;
	bool gone; /* it was removed by another reader */
};

struct maildir_list {
	struct maildir_item *items; /* ordered by time, then unique part; no two have the same */
	size_t count;
	size_t cap;
	char *names; /* each NUL-terminated */
	size_t names_n;
	size_t names_cap;
	bool full; /* a limit was reached: later entries are left out */
};

/* Reads new and then cur, so that a message which is moved meanwhile is not missed; -1 for a
 * directory that does not exist. 0 or an errno. */
int maildir_list_read(struct maildir_list *list, int new, int cur);
void maildir_list_release(struct maildir_list *list);
const char *maildir_list_name(const struct maildir_list *list, const struct maildir_item *item);
/* Where the messages of `list` are now: takes over directory and name from `fresh`, and marks as
 * gone what is not in it. `fresh` is then good for nothing but maildir_list_release. */
void maildir_list_follow(struct maildir_list *list, struct maildir_list *fresh);

#endif
