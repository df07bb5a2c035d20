/* SPDX-License-Identifier: ISC
 *
 * See dns-name.h. What passes here is never anything but letters, digits, "-", "_" and dots,
 * so it can stand in a log, in a command and in a path-like text without escapes.
 */
#include "common/dns-name.h"

static bool is_label(struct str l)
{
	if (l.n == 0 || l.n > DNS_LABEL_MAX || l.p[0] == '-' || l.p[l.n - 1] == '-')
		return false;
	for (size_t i = 0; i < l.n; i++)
		if (!ascii_is_digit(l.p[i]) && l.p[i] != '-' && l.p[i] != '_' &&
		    (l.p[i] < 'a' || l.p[i] > 'z'))
			return false;
	return true;
}

bool dns_name_is_host(struct str name)
{
	if (name.n == 0 || name.n > DNS_NAME_MAX || name.p[name.n - 1] == '.')
		return false;
	while (name.n > 0) {
		size_t dot = str_find(name, '.');
		if (!is_label(str_head(name, dot)))
			return false;
		name = str_skip(name, dot + 1);
	}
	return true;
}

bool dns_name_is_numeric(struct str name)
{
	size_t dot = str_rfind(name, '.');
	struct str last = dot == name.n ? name : str_skip(name, dot + 1);
	for (size_t i = 0; i < last.n; i++)
		if (!ascii_is_digit(last.p[i]))
			return false;
	return last.n > 0;
}

bool dns_name_canonical(struct str name, char out[DNS_NAME_MAX], struct str *canonical)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (name.n > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		out[i] = ascii_lower(name.p[i]);
	*canonical = str_from(out, name.n);
	return dns_name_is_host(*canonical);
}
