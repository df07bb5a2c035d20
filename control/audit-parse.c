/* SPDX-License-Identifier: ISC */
#include "control/audit-parse.h"

enum { TCP_LISTEN = 10, UNIX_ACCEPTS = 1 << 16, INET_FIELDS = 10, UNIX_FIELDS = 7 };

static bool parse_based(struct str s, unsigned base, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		unsigned digit = ascii_is_digit(c)	? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
							: base;
		if (digit >= base || n > (max - digit) / base)
			return false;
		n = n * base + digit;
	}
	*out = n;
	return s.n > 0;
}

/* The next word; empty at the end. */
static struct str take_word(struct str *line)
{
	size_t i = 0;
	while (i < line->n && (line->p[i] == ' ' || line->p[i] == '\t'))
		i++;
	*line = str_skip(*line, i);
	for (i = 0; i < line->n && line->p[i] != ' ' && line->p[i] != '\t';)
		i++;
	struct str word = str_head(*line, i);
	*line = str_skip(*line, i);
	return word;
}

/* What stands behind "Name:" at the beginning of a line. */
static bool find_value(struct str text, struct str name, struct str *out)
{
	while (text.n > 0) {
		struct str line = str_take_line(&text);
		if (!str_has_prefix(line, name))
			continue;
		*out = str_skip(line, name.n);
		return true;
	}
	return false;
}

static bool get_ids(struct str text, struct str name, uint32_t ids[4])
{
	struct str value;
	if (!find_value(text, name, &value))
		return false;
	for (size_t i = 0; i < 4; i++) {
		uint64_t id;
		if (!str_parse_u64(take_word(&value), UINT32_MAX, &id))
			return false;
		ids[i] = (uint32_t)id;
	}
	return true;
}

static bool get_groups(struct str text, struct audit_status *out)
{
	struct str value;
	out->group_count = 0;
	if (!find_value(text, STR("Groups:"), &value))
		return false;
	for (struct str word; (word = take_word(&value)).n > 0; out->group_count++) {
		uint64_t id;
		if (!str_parse_u64(word, UINT32_MAX, &id))
			return false;
		if (out->group_count < sizeof(out->groups) / sizeof(out->groups[0]))
			out->groups[out->group_count] = (uint32_t)id;
	}
	return true;
}

static bool get_number(struct str text, struct str name, unsigned base, uint64_t max, uint64_t *out)
{
	struct str value;
	return find_value(text, name, &value) && parse_based(take_word(&value), base, max, out);
}

static bool get_caps(struct str text, struct audit_status *out)
{
	static const char *const names[CAP_SETS] = {[CAP_INHERITABLE] = "CapInh:",
	    [CAP_PERMITTED] = "CapPrm:",
	    [CAP_EFFECTIVE] = "CapEff:",
	    [CAP_BOUNDING] = "CapBnd:",
	    [CAP_AMBIENT] = "CapAmb:"};
	for (size_t i = 0; i < CAP_SETS; i++)
		if (!get_number(text, str_from_cstr(names[i]), 16, UINT64_MAX, &out->caps[i]))
			return false;
	return true;
}

bool audit_parse_status(struct str text, struct audit_status *out)
{
	uint64_t no_new_privs, seccomp, filters = 0, threads;
	if (!get_ids(text, STR("Uid:"), out->uid) || !get_ids(text, STR("Gid:"), out->gid) ||
	    !get_groups(text, out) || !get_caps(text, out) ||
	    !get_number(text, STR("NoNewPrivs:"), 10, 1, &no_new_privs) ||
	    !get_number(text, STR("Seccomp:"), 10, 2, &seccomp) ||
	    !get_number(text, STR("Threads:"), 10, UINT32_MAX, &threads))
		return false;
	/* Since Linux 5.9. */
	if (!get_number(text, STR("Seccomp_filters:"), 10, UINT32_MAX, &filters))
		filters = 0;
	out->no_new_privs = no_new_privs == 1;
	out->seccomp = (unsigned)seccomp;
	out->filters = (unsigned)filters;
	out->threads = (unsigned)threads;
	return true;
}

bool audit_parse_limit(struct str text, struct str name, uint64_t *out)
{
	struct str value;
	if (!find_value(text, name, &value))
		return false;
	take_word(&value); /* the soft one */
	struct str hard = take_word(&value);
	if (!str_eq(hard, STR("unlimited")))
		return str_parse_u64(hard, UINT64_MAX, out);
	*out = UINT64_MAX;
	return true;
}

bool audit_parse_inet(struct str line, enum audit_family family, struct audit_socket *out)
{
	struct str words[INET_FIELDS];
	uint64_t port, state;
	for (size_t i = 0; i < INET_FIELDS; i++)
		words[i] = take_word(&line);
	*out = (struct audit_socket){.family = family};
	if (!parse_based(str_skip(words[1], str_find(words[1], ':') + 1), 16, UINT16_MAX, &port) ||
	    !parse_based(words[3], 16, UINT8_MAX, &state) ||
	    !str_parse_u64(words[9], UINT64_MAX, &out->inode))
		return false;
	out->port = (unsigned)port;
	out->listening = family == AUDIT_TCP && state == TCP_LISTEN;
	return true;
}

bool audit_parse_unix(struct str line, struct audit_socket *out)
{
	struct str words[UNIX_FIELDS];
	uint64_t flags, type;
	for (size_t i = 0; i < UNIX_FIELDS; i++)
		words[i] = take_word(&line);
	*out = (struct audit_socket){.family = AUDIT_UNIX};
	if (!parse_based(words[3], 16, UINT32_MAX, &flags) ||
	    !parse_based(words[4], 16, UINT16_MAX, &type) ||
	    !str_parse_u64(words[6], UINT64_MAX, &out->inode))
		return false;
	out->type = (unsigned)type;
	out->listening = (flags & UNIX_ACCEPTS) != 0;
	out->path = str_skip(line, 1);
	return true;
}

bool audit_parse_inode(struct str target, struct str prefix, uint64_t *out)
{
	if (!str_has_prefix(target, prefix) || target.p[target.n - 1] != ']')
		return false;
	struct str number = str_skip(str_head(target, target.n - 1), prefix.n);
	return str_parse_u64(number, UINT64_MAX, out);
}

bool audit_parse_flags(struct str text, unsigned *out)
{
	uint64_t flags;
	if (!get_number(text, STR("flags:"), 8, UINT32_MAX, &flags))
		return false;
	*out = (unsigned)flags;
	return true;
}
