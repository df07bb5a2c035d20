/* SPDX-License-Identifier: ISC
 *
 * The table of options, and finding what an unknown name was meant to be.
 */
#include "common/conf-internal.h"
#include "common/buf.h"
#include "common/limits.h"

/* conf_base_ID is the struct that the section's fields are of. */
#define SECTION(id, name, base) typedef base conf_base_##id;
#define OPTION(section, name, kind, field, standard, least, most, help)
#include "common/conf-options.def"
#undef SECTION
#undef OPTION

const struct conf_option conf_options[] = {
#define SECTION(id, name, base)
#define OPTION(section_, name_, kind_, field_, standard_, least_, most_, help_)                    \
	{.section = CONF_IN_##section_,                                                            \
	    .name = name_,                                                                         \
	    .kind = CONF_##kind_,                                                                  \
	    .offset = offsetof(conf_base_##section_, field_),                                      \
	    .standard = standard_,                                                                 \
	    .least = least_,                                                                       \
	    .most = most_,                                                                         \
	    .help = help_},
#include "common/conf-options.def"
#undef SECTION
#undef OPTION
};
const size_t conf_option_count = sizeof(conf_options) / sizeof(conf_options[0]);

const char *const conf_section_names[CONF_SECTIONS] = {
#define SECTION(id, name, base) [CONF_IN_##id] = name,
#define OPTION(section, name, kind, field, standard, least, most, help)
#include "common/conf-options.def"
#undef SECTION
#undef OPTION
};

bool conf_is_titled(enum conf_section section)
{
	static const size_t sizes[CONF_SECTIONS] = {
#define SECTION(id, name, base) [CONF_IN_##id] = sizeof(base),
#define OPTION(section, name, kind, field, standard, least, most, help)
#include "common/conf-options.def"
#undef SECTION
#undef OPTION
	};
	return sizes[section] != sizeof(struct conf);
}

bool conf_may_repeat(enum conf_section section)
{
	return section == CONF_IN_certificate;
}

enum { NAME_MAX_COMPARED = 40 };

const struct conf_option *conf_find_option(enum conf_section section, struct str name)
{
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_options[i].section == section &&
		    str_eq(str_from_cstr(conf_options[i].name), name))
			return &conf_options[i];
	return NULL;
}

bool conf_find_section(struct str name, enum conf_section *section)
{
	for (unsigned i = CONF_IN_top + 1; i < CONF_SECTIONS; i++) {
		if (str_eq(str_from_cstr(conf_section_names[i]), name)) {
			*section = (enum conf_section)i;
			return true;
		}
	}
	return false;
}

/* How many letters must be put in, left out or replaced to make b of a; "_" is as good as "-". */
static size_t distance(struct str a, struct str b)
{
	size_t row[NAME_MAX_COMPARED + 1];
	if (a.n > NAME_MAX_COMPARED || b.n > NAME_MAX_COMPARED)
		return SIZE_MAX;
	for (size_t k = 0; k <= b.n; k++)
		row[k] = k;
	for (size_t i = 1; i <= a.n; i++) {
		size_t corner = row[0];
		char c = a.p[i - 1] == '_' ? '-' : ascii_lower(a.p[i - 1]);
		row[0] = i;
		for (size_t k = 1; k <= b.n; k++) {
			size_t replaced = corner + (c != b.p[k - 1]);
			size_t changed = 1 + (row[k] < row[k - 1] ? row[k] : row[k - 1]);
			corner = row[k];
			row[k] = replaced < changed ? replaced : changed;
		}
	}
	return row[b.n];
}

static bool is_near(size_t d, struct str name)
{
	return d <= 1 + name.n / 4;
}

static const struct conf_option *nearest(enum conf_section section, struct str name)
{
	const struct conf_option *best = NULL;
	size_t least = SIZE_MAX;
	for (size_t i = 0; i < conf_option_count; i++) {
		size_t d = distance(name, str_from_cstr(conf_options[i].name));
		if (conf_options[i].section == section && d < least) {
			least = d;
			best = &conf_options[i];
		}
	}
	return is_near(least, name) ? best : NULL;
}

static void list_names(struct buf *out, enum conf_section section)
{
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_options[i].section == section)
			buf_printf(out, "%s%s", buf_len(out) > 0 ? ", " : "", conf_options[i].name);
}

void conf_unknown_option(
    struct conf_faults *faults, unsigned line, enum conf_section section, struct str name)
{
	name = str_head(name, NAME_MAX_COMPARED);
	for (unsigned i = 0; i < CONF_SECTIONS; i++) {
		if (i == section || conf_find_option((enum conf_section)i, name) == NULL)
			continue;
		if (i == CONF_IN_top)
			conf_fault(
			    faults, line, "\"%.*s\" belongs outside any section", STR_ARG(name));
		else
			conf_fault(faults, line,
			    "\"%.*s\" belongs into a section: %s%s { %.*s = ... }", STR_ARG(name),
			    conf_section_names[i],
			    conf_is_titled((enum conf_section)i) ? " NAME" : "", STR_ARG(name));
		return;
	}
	const struct conf_option *meant = nearest(section, name);
	if (meant != NULL) {
		conf_fault(faults, line, "there is no option \"%.*s\"; did you mean \"%s\"?",
		    STR_ARG(name), meant->name);
		return;
	}
	struct buf names = BUF_INIT(4096);
	list_names(&names, section);
	conf_fault(faults, line, "there is no option \"%.*s\"; known here are %.*s", STR_ARG(name),
	    STR_ARG(buf_str(&names)));
	buf_release(&names);
}

static void unknown_section(struct conf_faults *faults, unsigned line, struct str name)
{
	struct buf names = BUF_INIT(1024);
	for (unsigned i = CONF_IN_top + 1; i < CONF_SECTIONS; i++)
		buf_printf(&names, "%s%s", buf_len(&names) > 0 ? ", " : "", conf_section_names[i]);
	conf_fault(faults, line, "there is no section \"%.*s\"; the sections are %.*s",
	    STR_ARG(name), STR_ARG(buf_str(&names)));
	buf_release(&names);
}

void conf_unknown_section(struct conf_faults *faults, unsigned line, struct str name)
{
	size_t least = SIZE_MAX;
	unsigned best = CONF_IN_top;
	name = str_head(name, NAME_MAX_COMPARED);
	for (unsigned i = CONF_IN_top + 1; i < CONF_SECTIONS; i++) {
		size_t d = distance(name, str_from_cstr(conf_section_names[i]));
		if (d < least) {
			least = d;
			best = i;
		}
	}
	if (conf_find_option(CONF_IN_top, name) != NULL)
		conf_fault(faults, line, "\"%.*s\" is no section; write %.*s = \"...\"",
		    STR_ARG(name), STR_ARG(name));
	else if (is_near(least, name))
		conf_fault(faults, line, "there is no section \"%.*s\"; did you mean \"%s\"?",
		    STR_ARG(name), conf_section_names[best]);
	else
		unknown_section(faults, line, name);
}
