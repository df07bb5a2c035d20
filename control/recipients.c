/* SPDX-License-Identifier: ISC */
#include "control/recipients.h"
#include "common/address-list.h"

#include "common/address.h"
#include "common/limits.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 200 };

#define POOL_MAX ((size_t)64 * 1024 * 1024)

static struct str key_of(const void *entry)
{
	return *(const struct str *)entry;
}

void recipients_init(struct recipients *r)
{
	*r = (struct recipients){.pool = pool_new(POOL_MAX), .seen = hash_new(key_of)};
}

void recipients_release(struct recipients *r)
{
	hash_free(r->seen);
	pool_free(r->pool);
	free(r->list);
	*r = (struct recipients){.list = NULL};
}

/* What is shown of it is made printable: it may have come from anywhere. */
static bool complain(struct recipients *r, struct str address, const char *why)
{
	char shown[SHOWN_MAX + 1];
	size_t n = 0;
	for (; n < address.n && n < SHOWN_MAX; n++)
		shown[n] = (uint8_t)address.p[n] < ' ' || address.p[n] == 0x7f ? '?' : address.p[n];
	shown[n] = '\0';
	snprintf(r->why, sizeof(r->why), "\"%s\": %s", shown, why);
	return false;
}

bool recipients_complete(
    struct pool *pool, struct str address, bool qualified, struct str origin, struct str *out)
{
	struct address parsed;
	size_t n = qualified ? address.n : address.n + 1 + origin.n;
	char *text = pool_alloc(pool, n + 1);
	if (text == NULL || address.n == 0)
		return false;
	memcpy(text, address.p, address.n);
	if (!qualified) {
		text[address.n] = '@';
		memcpy(text + address.n + 1, origin.p, origin.n);
	}
	*out = str_from(text, n);
	return address_parse(*out, true, &parsed) == ADDRESS_OK;
}

static bool has_high_bytes(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((uint8_t)s.p[i] >= 0x80)
			return true;
	return false;
}

bool recipients_add(struct recipients *r, struct str address, bool qualified, struct str origin)
{
	struct str whole;
	if (!recipients_complete(r->pool, address, qualified, origin, &whole))
		return complain(r, address, "this is no mail address (RFC 5321)");
	if (hash_find(r->seen, whole) != NULL)
		return true;
	if (r->count >= RECIPIENTS_MAX)
		return complain(r, address, "there are more than 65535 recipients");
	struct str *entry = pool_alloc(r->pool, sizeof(*entry));
	if (entry == NULL)
		return complain(r, address, "there are too many recipients");
	*entry = whole;
	hash_put(r->seen, entry);
	if ((r->count & (r->count - 1)) == 0) /* full at every power of two */
		r->list = xreallocarray(r->list, r->count == 0 ? 1 : 2 * r->count, sizeof(*r->list));
	r->list[r->count++] = whole;
	r->need_utf8 |= has_high_bytes(whole);
	return true;
}

bool recipients_add_list(struct recipients *r, struct str in, struct str origin)
{
	struct address_list list;
	struct address_list_item item;
	bool ok = true;
	address_list_init(&list, in);
	while (ok && address_list_next(&list, &item))
		ok = recipients_add(r, item.address, item.qualified, origin);
	if (ok && list.fault != NULL)
		ok = complain(r, in, list.fault);
	address_list_release(&list);
	return ok;
}
