/* SPDX-License-Identifier: ISC */
#include "pop3d/maildir-entry.h"
#include "common/hash.h"

#include <inttypes.h>
#include <stdio.h>

/* Takes ",X=digits" off the end of *base. */
static bool take_size(struct str *base, char *which, uint64_t *size)
{
	size_t comma = str_rfind(*base, ',');
	struct str field = str_skip(*base, comma + 1);
	if (field.n < 3 || field.p[1] != '=' || (field.p[0] != 'S' && field.p[0] != 'W') ||
	    !str_parse_u64(str_skip(field, 2), INT64_MAX, size))
		return false;
	*which = field.p[0];
	base->n = comma;
	return true;
}

static uint64_t leading_number(struct str s)
{
	uint64_t v = 0;
	size_t n = 0;
	while (n < s.n && ascii_is_digit(s.p[n]))
		n++;
	return str_parse_u64(str_head(s, n), UINT32_MAX, &v) ? v : 0;
}

bool maildir_entry_parse(struct str name, struct maildir_entry *out)
{
	char which;
	uint64_t size;
	struct str base = str_head(name, str_find(name, ':'));
	*out = (struct maildir_entry){.time = 0};
	if (name.n == 0 || name.p[0] == '.')
		return false;
	while (take_size(&base, &which, &size))
		if (which == 'W') {
			out->has_crlf_size = true;
			out->crlf_size = size;
		}
	out->unique = base;
	out->time = leading_number(base);
	return base.n > 0;
}

/* RFC 1939 §7: octets from 0x21 to 0x7E. */
static bool fits(struct str unique)
{
	for (size_t i = 0; i < unique.n; i++)
		if (unique.p[i] < '!' || unique.p[i] > '~')
			return false;
	return unique.n > 0 && unique.n <= UIDL_MAX;
}

struct str maildir_entry_uidl(struct str unique, char space[UIDL_MAX])
{
	/* Fixed keys: an id must be the same in every session. */
	static const uint8_t keys[2][16] = {"Postern UIDL 1st", "Postern UIDL 2nd"};
	if (fits(unique))
		return unique;
	int n = snprintf(space, UIDL_MAX, "%016" PRIx64 "%016" PRIx64,
	    siphash24(keys[0], unique.p, unique.n), siphash24(keys[1], unique.p, unique.n));
	return str_from(space, (size_t)n);
}
