/* SPDX-License-Identifier: ISC */
#include "deliver-local/maildir-name.h"
#include "common/queue-id.h"

#include <inttypes.h>
#include <stdio.h>

/* "/" and ":" mean something in a Maildir, as "," does before the sizes: written as \ooo. */
static size_t put_host(char *to, struct str host)
{
	size_t n = 0;
	for (size_t i = 0; i < host.n && n + 4 <= MAILDIR_HOST_MAX; i++) {
		char c = host.p[i];
		if (ascii_is_alnum(c) || c == '.' || c == '-' || c == '_')
			to[n++] = c;
		else
			n += (size_t)snprintf(to + n, 5, "\\%03o", (unsigned)(unsigned char)c);
	}
	to[n] = '\0';
	return n;
}

void maildir_name_format(struct maildir_name *name, const struct maildir_delivery *d)
{
	char id[QUEUE_ID_SIZE];
	queue_id_format(d->id, id);
	int n = snprintf(name->unique, sizeof(name->unique), "%" PRIu64 ".Q%" PRIx32 "-%s-%u.",
	    d->arrival / 1000, d->spool, id, (unsigned)d->number);
	name->key_n = (size_t)n;
	name->unique_n = name->key_n + put_host(name->unique + name->key_n, d->hostname);
}

void maildir_name_sized(const struct maildir_name *name, uint64_t octets, uint64_t crlf_octets,
    char out[MAILDIR_NAME_SIZE])
{
	snprintf(out, MAILDIR_NAME_SIZE, "%.*s,S=%" PRIu64 ",W=%" PRIu64, (int)name->unique_n,
	    name->unique, octets, crlf_octets);
}

bool maildir_name_matches(const struct maildir_name *name, const char *file)
{
	return strncmp(file, name->unique, name->key_n) == 0;
}
