/* SPDX-License-Identifier: ISC
 *
 * Reads the file for its form alone, so that every fault can be reported and not
 * just the first that libconfuse stops at. Only what passed is left in the clean
 * text.
 */
#include "common/conf-internal.h"
#include "common/mem.h"

#include <stdlib.h>

struct scanner {
	struct conf_token *tokens;
	size_t token_count;
	size_t next; /* token to be read */
	struct conf_scan *scan;
	struct conf_faults *faults;
	/* The section that is open. */
	enum conf_section section;
	struct str title;
	unsigned section_line;
	size_t section_start;
	bool section_bad; /* it will be blanked when it ends */
};

static const struct conf_token *token(const struct scanner *s, size_t ahead)
{
	size_t i = s->next + ahead;
	return &s->tokens[i < s->token_count ? i : s->token_count - 1];
}

static const struct conf_token *take(struct scanner *s)
{
	const struct conf_token *t = token(s, 0);
	if (t->kind != CONF_TOKEN_END)
		s->next++;
	return t;
}

static bool is_sign(const struct conf_token *t, char sign)
{
	return t->kind == CONF_TOKEN_SIGN && t->sign == sign;
}

static bool is_text(const struct conf_token *t)
{
	return t->kind == CONF_TOKEN_WORD || t->kind == CONF_TOKEN_STRING;
}

/* Goes on after the line of `bad`, or at a brace that closes something. */
static void resume(struct scanner *s, const struct conf_token *start, const struct conf_token *bad)
{
	unsigned line = bad->line;
	while (token(s, 0)->kind != CONF_TOKEN_END && token(s, 0)->line <= line &&
	       !is_sign(token(s, 0), '}'))
		s->next++;
	conf_blank(s->scan->clean, start->start, token(s, 0)->start);
}

static void skip_block(struct scanner *s)
{
	size_t depth = 1;
	while (depth > 0 && token(s, 0)->kind != CONF_TOKEN_END) {
		const struct conf_token *t = take(s);
		depth += is_sign(t, '{');
		depth -= is_sign(t, '}');
	}
}

/* After the "{" of a list. True when all is well; then the "}" is taken. */
static bool scan_list(struct scanner *s)
{
	for (;;) {
		if (is_sign(token(s, 0), '}')) {
			take(s);
			return true;
		}
		if (!is_text(token(s, 0)))
			return false;
		take(s);
		if (is_sign(token(s, 0), ','))
			take(s);
		else if (!is_sign(token(s, 0), '}'))
			return false;
	}
}

/* A faulty list: past its "}" if there is one before the next setting begins. */
static void leave_list(struct scanner *s)
{
	while (token(s, 0)->kind != CONF_TOKEN_END && !is_sign(token(s, 0), '}')) {
		if (is_text(token(s, 0)) &&
		    (is_sign(token(s, 1), '=') || is_sign(token(s, 1), '{')))
			return;
		s->next++;
	}
	if (is_sign(token(s, 0), '}'))
		take(s);
}

/* Two words where one value belongs: size-max = 50 MiB. */
static bool has_loose_word(const struct scanner *s, const struct conf_token *value)
{
	const struct conf_token *next = token(s, 0);
	const struct conf_token *after = token(s, 1);
	if (!is_text(next) || next->line != value->line)
		return false;
	if (is_sign(after, '=') || is_sign(after, '{'))
		return false;
	return !(is_text(after) && after->line == next->line);
}

static void add_setting(
    struct scanner *s, const struct conf_token *name, const struct conf_option *option)
{
	struct conf_scan *scan = s->scan;
	if (scan->setting_count == CONF_SETTINGS_MAX) {
		conf_fault(
		    s->faults, name->line, "there are more than %d settings", CONF_SETTINGS_MAX);
		return;
	}
	scan->settings[scan->setting_count++] =
	    (struct conf_setting){.option = option, .title = s->title, .line = name->line};
}

static const struct conf_setting *find_setting(
    const struct scanner *s, const struct conf_option *option)
{
	for (size_t i = 0; i < s->scan->setting_count; i++)
		if (s->scan->settings[i].option == option &&
		    s->scan->settings[i].title.p == s->title.p)
			return &s->scan->settings[i];
	return NULL;
}

/* Whether the setting is to be kept; reports why not. */
static bool check_setting(struct scanner *s, const struct conf_token *name, bool is_list)
{
	const struct conf_option *option = conf_find_option(s->section, name->text);
	if (option == NULL) {
		conf_unknown_option(s->faults, name->line, s->section, name->text);
		return false;
	}
	if (is_list && option->kind != CONF_LIST && option->kind != CONF_NAMES) {
		conf_fault(s->faults, name->line, "%s takes one value, not a list", option->name);
		return false;
	}
	const struct conf_setting *earlier = find_setting(s, option);
	if (earlier != NULL && !s->section_bad) {
		conf_fault(s->faults, name->line,
		    "%s is set in line %u already; remove one of them", option->name,
		    earlier->line);
		return false;
	}
	if (!s->section_bad)
		add_setting(s, name, option);
	return true;
}

/* After NAME "=". */
static void scan_setting(struct scanner *s, const struct conf_token *name)
{
	const struct conf_token *value = token(s, 0);
	bool is_list = is_sign(value, '{');
	bool is_next =
	    value->line != name->line && (is_sign(token(s, 1), '=') || is_sign(token(s, 1), '{'));
	if (value->kind == CONF_TOKEN_BAD || (!is_list && !is_text(value)) ||
	    (!is_list && is_next)) {
		if (value->kind != CONF_TOKEN_BAD)
			conf_fault(s->faults, name->line,
			    "%.*s has no value; write one after the =",
			    STR_ARG(str_head(name->text, 80)));
		resume(s, name,
		    name->line < value->line && value->kind != CONF_TOKEN_BAD ? name : value);
		return;
	}
	take(s);
	if (is_list && !scan_list(s)) {
		const struct conf_token *bad = token(s, 0);
		if (bad->kind != CONF_TOKEN_BAD)
			conf_fault(s->faults, bad->kind == CONF_TOKEN_END ? name->line : bad->line,
			    "a list is written %.*s = { \"a\", \"b\" }",
			    STR_ARG(str_head(name->text, 80)));
		leave_list(s);
		conf_blank(s->scan->clean, name->start, token(s, 0)->start);
		return;
	}
	if (!is_list && has_loose_word(s, value)) {
		conf_fault(s->faults, value->line, "put quotes around it: %.*s = \"%.*s %.*s\"",
		    STR_ARG(str_head(name->text, 80)), STR_ARG(str_head(value->text, 80)),
		    STR_ARG(str_head(token(s, 0)->text, 80)));
		resume(s, name, value);
		return;
	}
	if (!check_setting(s, name, is_list))
		conf_blank(s->scan->clean, name->start, s->tokens[s->next - 1].end);
}

static const struct conf_heading *find_heading(
    const struct scanner *s, enum conf_section section, struct str title)
{
	for (size_t i = 0; i < s->scan->heading_count; i++)
		if (s->scan->headings[i].section == section &&
		    conf_is_same_title(section, s->scan->headings[i].title, title))
			return &s->scan->headings[i];
	return NULL;
}

/* Whether the section's settings count; reports why not. */
static bool check_section(
    struct scanner *s, const struct conf_token *name, const struct conf_token *title)
{
	struct str t = title == NULL ? (struct str){NULL, 0} : title->text;
	bool titled = conf_is_titled(s->section);
	const char *section = conf_section_names[s->section];
	if (titled && !conf_check_title(s->faults, name->line, s->section, t))
		return false;
	if (!titled && title != NULL) {
		conf_fault(s->faults, name->line,
		    "the section %s has no name of its own; write %s { ... }", section, section);
		return false;
	}
	const struct conf_heading *earlier =
	    conf_may_repeat(s->section) ? NULL : find_heading(s, s->section, t);
	if (earlier != NULL && s->section == CONF_IN_listen)
		conf_fault(s->faults, name->line,
		    "listen %.*s is there in line %u already; give this one another name, such as "
		    "listen %.*s-2 { protocol = ... }",
		    STR_ARG(t), earlier->line, STR_ARG(t));
	else if (earlier != NULL && titled)
		conf_fault(s->faults, name->line,
		    "%s %.*s is there in line %u already; put both together, or change the name",
		    section, STR_ARG(t), earlier->line);
	else if (earlier != NULL)
		conf_fault(s->faults, name->line,
		    "the section %s begins in line %u already; put both together", section,
		    earlier->line);
	return earlier == NULL;
}

static void add_heading(struct scanner *s, const struct conf_token *name)
{
	struct conf_scan *scan = s->scan;
	if (scan->heading_count == CONF_SETTINGS_MAX)
		conf_fault(
		    s->faults, name->line, "there are more than %d sections", CONF_SETTINGS_MAX);
	else
		scan->headings[scan->heading_count++] = (struct conf_heading){
		    .section = s->section, .title = s->title, .line = name->line};
}

/* After NAME [TITLE] "{". */
static void open_section(
    struct scanner *s, const struct conf_token *name, const struct conf_token *title)
{
	enum conf_section section;
	if (s->section != CONF_IN_top || !conf_find_section(name->text, &section)) {
		if (s->section != CONF_IN_top)
			conf_fault(s->faults, name->line,
			    "a section cannot be inside another; is a } missing before it?");
		else
			conf_unknown_section(s->faults, name->line, name->text);
		skip_block(s);
		conf_blank(s->scan->clean, name->start, token(s, 0)->start);
		return;
	}
	s->section = section;
	s->title = title == NULL ? (struct str){NULL, 0} : title->text;
	s->section_line = name->line;
	s->section_start = name->start;
	s->section_bad = !check_section(s, name, title);
	if (!s->section_bad)
		add_heading(s, name);
	/* libconfuse would make one of two of one title: conf.c finds these by their place. */
	if (title != NULL && conf_may_repeat(section))
		conf_blank(s->scan->clean, title->start, title->end);
}

static void close_section(struct scanner *s, size_t end)
{
	if (s->section_bad)
		conf_blank(s->scan->clean, s->section_start, end);
	s->section = CONF_IN_top;
	s->section_bad = false;
	s->title = (struct str){NULL, 0};
}

static void scan_statement(struct scanner *s)
{
	const struct conf_token *name = take(s);
	const struct conf_token *next = token(s, 0);
	if (is_sign(name, '}') && s->section != CONF_IN_top) {
		close_section(s, name->end);
	} else if (is_sign(name, '}')) {
		conf_fault(s->faults, name->line, "this } closes nothing; remove it");
		conf_blank(s->scan->clean, name->start, name->end);
	} else if (name->kind != CONF_TOKEN_WORD) {
		if (name->kind != CONF_TOKEN_BAD)
			conf_fault(
			    s->faults, name->line, "the name of an option or section belongs here");
		resume(s, name, name);
	} else if (is_sign(next, '=')) {
		take(s);
		scan_setting(s, name);
	} else if (is_sign(next, '{')) {
		take(s);
		open_section(s, name, NULL);
	} else if (is_text(next) && is_sign(token(s, 1), '{')) {
		take(s);
		take(s);
		open_section(s, name, next);
	} else {
		if (next->kind != CONF_TOKEN_BAD || next->line != name->line)
			conf_fault(s->faults, name->line,
			    "after \"%.*s\" comes = and a value, or { and a section",
			    STR_ARG(str_head(name->text, 80)));
		resume(s, name, name);
	}
}

void conf_scan(const char *text, size_t n, struct conf_scan *scan, struct conf_faults *faults)
{
	struct scanner s = {.scan = scan, .faults = faults, .section = CONF_IN_top};
	*scan = (struct conf_scan){
	    .settings = xcalloc(CONF_SETTINGS_MAX, sizeof(*scan->settings)),
	    .headings = xcalloc(CONF_SETTINGS_MAX, sizeof(*scan->headings)),
	    .clean = xcalloc(1, n + sizeof("\n}")),
	};
	if (n > 0)
		memcpy(scan->clean, text, n);
	s.token_count = conf_tokens((struct str){text, n}, scan->clean, &s.tokens, faults);
	while (token(&s, 0)->kind != CONF_TOKEN_END)
		scan_statement(&s);
	if (s.section != CONF_IN_top) {
		conf_fault(faults, s.section_line, "the section %s is not closed; write } after it",
		    conf_section_names[s.section]);
		memcpy(scan->clean + n, "\n}", 2);
		close_section(&s, n + 2);
	}
	free(s.tokens);
}

void conf_scan_free(struct conf_scan *scan)
{
	free(scan->settings);
	free(scan->headings);
	free(scan->clean);
}

unsigned conf_line(
    const struct conf_scan *scan, enum conf_section section, const char *name, struct str title)
{
	for (size_t i = 0; i < scan->setting_count; i++) {
		const struct conf_setting *s = &scan->settings[i];
		if (s->option->section == section && strcmp(s->option->name, name) == 0 &&
		    str_eq(s->title, title))
			return s->line;
	}
	return 0;
}
