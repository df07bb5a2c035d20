/* SPDX-License-Identifier: ISC */
#include "common/mailbox-path.h"
#include "common/limits.h"

enum { COMPONENT_MAX = 250 };

/* Where the first component with a "%" begins, or the template's end. */
static size_t first_variable(struct str template)
{
	size_t percent = str_find(template, '%');
	if (percent == template.n)
		return template.n;
	size_t slash = str_rfind(str_head(template, percent), '/');
	return slash == percent ? 0 : slash + 1;
}

bool mailbox_root(const char *template, struct buf *out)
{
	struct str t = str_from_cstr(template);
	size_t n = first_variable(t);
	while (n > 1 && t.p[n - 1] == '/')
		n--;
	return n > 0 && t.p[0] == '/' && buf_append(out, t.p, n);
}

/* Octets that a component may hold as they are; `first` is special for the dot. */
static bool is_plain(uint8_t c, bool first)
{
	if (c == '.' && first)
		return false;
	return c > ' ' && c != '/' && c != '%' && c != 0x7f;
}

static bool put_value(struct buf *out, struct str value, size_t component_start)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = (uint8_t)ascii_lower(value.p[i]);
		bool first = buf_len(out) == component_start;
		char escaped[] = {'%', hex[c >> 4], hex[c & 15]};
		bool ok = is_plain(c, first) ? buf_append_u8(out, c)
					     : buf_append(out, escaped, sizeof(escaped));
		if (!ok)
			return false;
	}
	return value.n > 0;
}

struct parts {
	struct str address, local_part, domain;
};

/* The value of %d, %n or %u; empty for anything else. */
static struct str find_value(const struct parts *parts, char which)
{
	switch (which) {
	case 'd':
		return parts->domain;
	case 'n':
		return parts->local_part;
	case 'u':
		return parts->address;
	default:
		return (struct str){NULL, 0};
	}
}

static bool put_component(struct buf *out, struct str component, const struct parts *parts)
{
	size_t start = buf_len(out);
	while (component.n > 0) {
		size_t n = str_find(component, '%');
		if (!buf_append(out, component.p, n))
			return false;
		component = str_skip(component, n);
		if (component.n == 0)
			break;
		if (component.n < 2 || !put_value(out, find_value(parts, component.p[1]), start))
			return false;
		component = str_skip(component, 2);
	}
	return buf_len(out) > start && buf_len(out) - start <= COMPONENT_MAX;
}

bool mailbox_path(const char *template, struct str address, struct buf *out)
{
	struct str t = str_from_cstr(template);
	struct str rest = str_skip(t, first_variable(t));
	size_t at = str_rfind(address, '@');
	const struct parts parts = {address, str_head(address, at), str_skip(address, at + 1)};
	size_t begin = buf_len(out);
	if (at == address.n)
		return false;
	while (rest.n > 0) {
		size_t n = str_find(rest, '/');
		if (buf_len(out) > begin && !buf_append_u8(out, '/'))
			return false;
		if (n > 0 && !put_component(out, str_head(rest, n), &parts))
			return false;
		rest = str_skip(rest, n + 1);
	}
	return buf_len(out) > begin && buf_len(out) - begin <= MAILBOX_PATH_MAX;
}
