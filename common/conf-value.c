/* SPDX-License-Identifier: ISC
 *
 * Text to typed values, with a remedy for everything that is refused.
 */
#include "common/conf-internal.h"
#include "common/buf.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* The first of each factor is the one we print; largest last. */
static const struct unit octet_units[] = {
    {"", 1}, {"KiB", KIB}, {"MiB", MIB}, {"GiB", GIB}, {"TiB", 1024 * GIB}, {NULL, 0}};
static const struct unit second_units[] = {{"s", 1}, {"", 1}, {"sec", 1}, {"second", 1},
    {"seconds", 1}, {"min", MINUTE}, {"minute", MINUTE}, {"minutes", MINUTE}, {"h", HOUR},
    {"hour", HOUR}, {"hours", HOUR}, {"d", DAY}, {"day", DAY}, {"days", DAY}, {NULL, 0}};
static const struct unit rate_units[] = {{"/h", 1}, {"/min", 60}, {"/s", 3600}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

struct number_kind {
	const struct unit *units;
	const char *example;
};

static const struct number_kind *number_kind(enum conf_kind kind)
{
	static const struct number_kind octets = {
	    octet_units, "a size such as \"64 KiB\" or \"50 MiB\""};
	static const struct number_kind seconds = {
	    second_units, "a time such as \"30 s\", \"5 min\", \"4 h\" or \"5 d\""};
	static const struct number_kind count = {no_units, "a whole number"};
	static const struct number_kind rate = {
	    rate_units, "a rate such as \"100/h\" or \"10/min\""};
	switch (kind) {
	case CONF_OCTETS:
	case CONF_SIZE:
		return &octets;
	case CONF_SECONDS:
		return &seconds;
	case CONF_COUNT:
		return &count;
	case CONF_RATE:
		return &rate;
	default:
		return NULL;
	}
}

static bool parse_number(const struct unit *units, struct str in, uint64_t *out)
{
	size_t digits = 0;
	in = str_trim(in);
	while (digits < in.n && ascii_is_digit(in.p[digits]))
		digits++;
	struct str name = str_trim(str_skip(in, digits));
	if (!str_parse_u64(str_head(in, digits), UINT64_MAX, out))
		return false;
	for (; units->name != NULL; units++)
		if (str_caseeq(str_from_cstr(units->name), name))
			return !__builtin_mul_overflow(*out, units->factor, out);
	return false;
}

/* As one would write it, in the largest unit that divides it. */
static void format_number(const struct unit *units, uint64_t v, char *out, size_t size)
{
	const struct unit *best = units;
	for (const struct unit *u = units; u->name != NULL; u++)
		if (u->factor > best->factor && v > 0 && v % u->factor == 0)
			best = u;
	bool rate = best->name[0] == '/';
	const char *name = best->factor == 1 && !rate ? "" : best->name;
	snprintf(out, size, "%llu%s%s", (unsigned long long)(v / best->factor),
	    *name == '\0' || rate ? "" : " ", name);
}

static void set_number(void *field, const struct conf_option *option, uint64_t v)
{
	if (option->kind == CONF_OCTETS)
		*(uint64_t *)field = v;
	else
		*(unsigned *)field = (unsigned)v;
}

static void number(void *field, const struct conf_option *option, struct conf_source source,
    const char *value, struct conf_faults *faults)
{
	const struct number_kind *kind = number_kind(option->kind);
	uint64_t v;
	char least[32];
	char most[32];
	if (!parse_number(kind->units, str_from_cstr(value), &v)) {
		conf_fault(faults, source.line, "%s = \"%.60s\": write %s", option->name, value,
		    kind->example);
		return;
	}
	if (v >= option->least && v <= option->most) {
		set_number(field, option, v);
		return;
	}
	format_number(kind->units, option->least, least, sizeof(least));
	format_number(kind->units, option->most, most, sizeof(most));
	conf_fault(faults, source.line, "%s = \"%.60s\" is out of bounds; it can be from %s to %s",
	    option->name, value, least, most);
}

int conf_find_word(const struct conf_option *option, const char *value)
{
	struct str words = str_from_cstr(option->help);
	words.n = str_find(words, ':');
	for (int i = 0; words.n > 0; i++) {
		size_t n = str_find(words, '|');
		if (str_eq(str_head(words, n), str_from_cstr(value)))
			return i;
		words = str_skip(words, n + 1);
	}
	return -1;
}

/* "none, may or encrypt" */
void conf_fault_word(
    struct conf_faults *faults, unsigned line, const struct conf_option *option, const char *value)
{
	struct str words = str_from_cstr(option->help);
	struct buf list = BUF_INIT(1024);
	words.n = str_find(words, ':');
	while (words.n > 0) {
		size_t n = str_find(words, '|');
		const char *glue = buf_len(&list) == 0 ? "" : n == words.n ? " or " : ", ";
		buf_printf(&list, "%s%.*s", glue, STR_ARG(str_head(words, n)));
		words = str_skip(words, n + 1);
	}
	conf_fault(faults, line, "%s = \"%.60s\": it can be %.*s", option->name, value,
	    STR_ARG(buf_str(&list)));
	buf_release(&list);
}

static int find_truth(const struct conf_option *option, const char *value)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
	if (strncmp(option->help, "no|yes:", 7) != 0)
		return -1;
	for (int i = 0; i < 6; i++)
		if (strcmp(words[i], value) == 0)
			return i & 1;
	return -1;
}

static void word(void *field, const struct conf_option *option, struct conf_source source,
    const char *value, struct conf_faults *faults)
{
	int i = conf_find_word(option, value);
	if (i < 0)
		i = find_truth(option, value);
	if (i < 0)
		conf_fault_word(faults, source.line, option, value);
	else if (option->kind == CONF_FLAG)
		*(bool *)field = i == 1;
	else
		*(unsigned *)field = (unsigned)i + (option->kind == CONF_POLICY);
}

/* Without "." components and double slashes; ".." stays, since a link may be before it. */
static char *tidy(char *path)
{
	struct str rest = str_from_cstr(path);
	struct buf out = BUF_INIT(rest.n + 2);
	while (rest.n > 0) {
		size_t n = str_find(rest, '/');
		struct str part = str_head(rest, n);
		if (part.n > 0 && !str_eq(part, STR("."))) {
			buf_append_u8(&out, '/');
			buf_append_str(&out, part);
		}
		rest = str_skip(rest, n + 1);
	}
	if (buf_len(&out) == 0)
		buf_append_u8(&out, '/');
	char *tidied = str_dup(buf_str(&out));
	buf_release(&out);
	free(path);
	return tidied;
}

char *conf_absolute(const char *file, const char *path)
{
	if (path[0] == '/')
		return tidy(xstrdup(path));
	struct str directory = str_from_cstr(file);
	size_t slash = str_rfind(directory, '/');
	directory = slash == directory.n ? (struct str){NULL, 0} : str_head(directory, slash);
	if (file[0] == '/')
		return tidy(xasprintf("%.*s/%s", STR_ARG(directory), path));
	char *here = getcwd(NULL, 0);
	char *absolute =
	    xasprintf("%s/%.*s/%s", here == NULL ? "" : here, STR_ARG(directory), path);
	free(here);
	return tidy(absolute);
}

static void text(char **field, const struct conf_option *option, struct conf_source source,
    const char *value, struct conf_faults *faults)
{
	if (option->kind == CONF_PATH && *value == '\0') {
		conf_fault(faults, source.line, "%s is empty; write a path", option->name);
		return;
	}
	free(*field);
	*field = option->kind == CONF_PATH ? conf_absolute(source.path, value) : xstrdup(value);
}

void conf_add_name(struct conf_name_list *names, const char *name)
{
	names->list = xreallocarray(names->list, names->count + 1, sizeof(*names->list));
	names->list[names->count++] = xstrdup(name);
}

void conf_set(void *base, const struct conf_option *option, struct conf_source source,
    const char *value, struct conf_faults *faults)
{
	void *field = (char *)base + option->offset;
	switch (option->kind) {
	case CONF_TEXT:
	case CONF_PATH:
		text(field, option, source, value, faults);
		break;
	case CONF_OCTETS:
	case CONF_SIZE:
	case CONF_SECONDS:
	case CONF_COUNT:
	case CONF_RATE:
		number(field, option, source, value, faults);
		break;
	case CONF_FLAG:
	case CONF_WORD:
	case CONF_POLICY:
		word(field, option, source, value, faults);
		break;
	case CONF_NAMES:
		conf_add_name(field, value);
		break;
	case CONF_LIST:
	case CONF_OTHER:
		break;
	}
}

static void free_names(struct conf_name_list *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

void conf_free_fields(void *base, enum conf_section section)
{
	for (size_t i = 0; i < conf_option_count; i++) {
		void *field = (char *)base + conf_options[i].offset;
		if (conf_options[i].section != section)
			continue;
		if (conf_options[i].kind == CONF_TEXT || conf_options[i].kind == CONF_PATH)
			free(*(char **)field);
		else if (conf_options[i].kind == CONF_NAMES)
			free_names(field);
	}
}

void conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < conf->listener_count; i++) {
		free(conf->listeners[i].name);
		free(conf->listeners[i].address);
	}
	for (unsigned i = 0; i < CONF_SECTIONS; i++)
		if (!conf_is_titled((enum conf_section)i))
			conf_free_fields(conf, (enum conf_section)i);
	conf_free_titled(conf);
	free(conf->log_path);
	free(conf->listeners);
	free(conf->networks.list);
	free(conf->auth.front_ends.list);
	free(conf->relay_fingerprints);
	free(conf);
}
