/* SPDX-License-Identifier: ISC
 *
 * A path is built component by component; a placeholder's text is escaped so that
 * it cannot leave its component. The escape is "%" and two upper-case digits, which
 * no lower-cased, escaped text contains otherwise: different addresses stay different.
 */
#include "common/mailbox-path.h"
#include "common/address.h"
#include "common/limits.h"

enum { COMPONENT_MAX = 250, TEMPLATE_MAX = 512 };

/* The next component of a path, without slashes; empty at the end. */
static struct str next_component(struct str *rest)
{
	while (rest->n > 0 && rest->p[0] == '/')
		*rest = str_skip(*rest, 1);
	struct str component = str_head(*rest, str_find(*rest, '/'));
	*rest = str_skip(*rest, component.n);
	return component;
}

static bool has_placeholder(struct str component)
{
	return str_find(component, '%') < component.n;
}

struct use {
	bool domain, local_part, address;
};

/* Looks at one component's placeholders; returns what is wrong. */
static const char *component_fault(struct str c, struct use *use)
{
	size_t last_end = 0;
	bool any = false;
	if (str_eq(c, STR("..")) || str_eq(c, STR(".")))
		return "has a \"..\" in it";
	for (size_t i = 0; i < c.n; i++) {
		if (c.p[i] != '%')
			continue;
		char kind = i + 1 < c.n ? c.p[i + 1] : '\0';
		if (kind == '\0' || strchr("dnu", kind) == NULL)
			return "has a % that is not %d, %n or %u";
		if (any && !(i == last_end + 1 && c.p[last_end] == '@'))
			return "has two placeholders between two slashes without an @ between them";
		any = true;
		use->domain = use->domain || kind == 'd';
		use->local_part = use->local_part || kind == 'n';
		use->address = use->address || kind == 'u';
		last_end = i + 2;
		i++;
	}
	return NULL;
}

const char *mailbox_template_fault(const char *template)
{
	struct str rest = str_from_cstr(template);
	struct str first = next_component(&rest);
	struct use use = {false, false, false};
	if (template[0] != '/')
		return "is no absolute path";
	if (strlen(template) > TEMPLATE_MAX)
		return "is too long";
	if (first.n == 0 || has_placeholder(first))
		return "does not begin with a directory of its own";
	for (struct str c = first; c.n > 0; c = next_component(&rest)) {
		const char *fault = component_fault(c, &use);
		if (fault != NULL)
			return fault;
	}
	if (!use.address && !(use.domain && use.local_part))
		return "needs %u or both %d and %n, or two addresses would share a mailbox";
	return NULL;
}

bool mailbox_root(const char *template, struct buf *out)
{
	struct str rest = str_from_cstr(template);
	size_t before = buf_len(out);
	if (template[0] != '/')
		return false;
	for (struct str c = next_component(&rest); c.n > 0 && !has_placeholder(c);
	     c = next_component(&rest))
		if (!buf_append_u8(out, '/') || !buf_append_str(out, c))
			return false;
	return buf_len(out) > before;
}

/* A leading "." is escaped wherever it comes, so that no component can become ".." by one. */
static bool put_escaped(struct buf *out, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = (uint8_t)text.p[i];
		bool plain = c > ' ' && c != 0x7f && c != '/' && c != '%' && !(c == '.' && i == 0);
		if (plain) {
			if (!buf_append_u8(out, (uint8_t)ascii_lower((char)c)))
				return false;
		} else {
			const char escaped[] = {'%', hex[c >> 4], hex[c & 15]};
			if (!buf_append(out, escaped, sizeof(escaped)))
				return false;
		}
	}
	return true;
}

struct names {
	struct str local_part; /* without quotes */
	struct str domain;
};

static bool put_placeholder(struct buf *out, char kind, const struct names *names)
{
	if (kind == 'd')
		return put_escaped(out, names->domain);
	if (kind != 'n' && kind != 'u')
		return false;
	if (!put_escaped(out, names->local_part))
		return false;
	return kind != 'u' || (buf_append_u8(out, '@') && put_escaped(out, names->domain));
}

static bool put_component(struct buf *out, struct str c, const struct names *names)
{
	size_t before = buf_len(out);
	for (size_t i = 0; i < c.n; i++) {
		if (c.p[i] != '%') {
			if (!buf_append_u8(out, (uint8_t)c.p[i]))
				return false;
		} else if (i + 1 == c.n || !put_placeholder(out, c.p[++i], names)) {
			return false;
		}
	}
	return buf_len(out) > before && buf_len(out) - before <= COMPONENT_MAX;
}

static bool put_path(const char *template, const struct names *names, struct buf *out)
{
	struct str rest = str_from_cstr(template);
	struct str c = next_component(&rest);
	bool began = false;
	while (c.n > 0 && !has_placeholder(c))
		c = next_component(&rest);
	for (; c.n > 0; c = next_component(&rest)) {
		if (began && !buf_append_u8(out, '/'))
			return false;
		if (!put_component(out, c, names))
			return false;
		began = true;
	}
	return began;
}

bool mailbox_path(const char *template, struct str address, struct buf *out)
{
	struct pool *pool = pool_new(4096);
	struct names names;
	struct str quoted;
	struct buf path = BUF_INIT(MAILBOX_PATH_MAX);
	bool ok = address_split(address, &quoted, &names.domain) && quoted.n <= LOCAL_PART_MAX &&
		  address_unquote(quoted, pool, &names.local_part) && names.local_part.n > 0 &&
		  put_path(template, &names, &path) && buf_append_str(out, buf_str(&path));
	buf_release(&path);
	pool_free(pool);
	return ok;
}
