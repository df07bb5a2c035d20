/* SPDX-License-Identifier: ISC
 *
 * Lists of addresses as the header fields To, Cc, Bcc, From, ... hold them
 * (RFC 5322 §3.4): display names, comments, quoted strings, folding, groups,
 * source routes. What people and programs write without quoting it is taken
 * where its meaning is plain (dots and "@" in a display name, empty list
 * elements); two addresses without a comma between them are not.
 *
 * The addr-spec comes out bare and is not judged further: that is
 * common/address.h's work.
 */
#ifndef POSTERN_ADDRESS_LIST_H
#define POSTERN_ADDRESS_LIST_H

#include "common/buf.h"

struct address_list {
	struct str in;
	size_t at;
	bool in_group;
	const char *fault; /* NULL, or what is wrong at `at` */
	struct buf text;   /* the addr-spec being put together */
};

struct address_list_item {
	struct str address; /* without comments and folding; lives until the next call */
	bool qualified;	    /* has a domain */
	size_t end;	    /* where in the input "@domain" belongs when it has none */
};

void address_list_init(struct address_list *list, struct str in);
/* The next address. False at the end, and when fault is set. Work is linear in the input. */
bool address_list_next(struct address_list *list, struct address_list_item *item);
void address_list_release(struct address_list *list);

#endif
