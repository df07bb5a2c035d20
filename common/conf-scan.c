/* SPDX-License-Identifier: ISC
 *
 * Reads the file for its form alone, so that every fault can be reported and not
 * just the first that libconfuse stops at. It is stricter than libconfuse: what
 * that would expand (environment variables), guess (stray characters are skipped
 * in silence) or run (functions) is a fault here, and only what passed is left in
 * the clean text.
 */
#include "common/conf-internal.h"
#include "common/mem.h"
#include "common/utf8.h"

#include <stdlib.h>

enum token_kind { WORD, STRING, SIGN, BAD, END };

struct token {
	enum token_kind kind;
	char sign;	 /* { } = , */
	struct str text; /* without quotes */
	unsigned line;
	size_t start, end; /* in the text */
};

struct scanner {
	struct str text;
	size_t at;
	unsigned line;
	unsigned bad_line; /* the last one with a word that was reported; once is enough */
	struct token *tokens;
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

/* --- Tokens --- */

static char peek(const struct scanner *s, size_t ahead)
{
	return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

static void blank(struct scanner *s, size_t start, size_t end)
{
	for (size_t i = start; i < end; i++)
		if (s->scan->clean[i] != '\n')
			s->scan->clean[i] = ' ';
}

static bool is_comment(const struct scanner *s)
{
	return peek(s, 0) == '#' || (peek(s, 0) == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*'));
}

static void skip_comment(struct scanner *s)
{
	size_t start = s->at;
	unsigned line = s->line;
	struct str rest = str_skip(s->text, s->at);
	if (peek(s, 0) == '#' || peek(s, 1) == '/') {
		s->at += str_find(rest, '\n');
	} else {
		const char *end = rest.n < 4 ? NULL : memmem(rest.p + 2, rest.n - 2, "*/", 2);
		if (end == NULL)
			conf_fault(s->faults, line, "the comment has no end; write */ after it");
		size_t stop = end == NULL ? s->text.n : (size_t)(end - s->text.p) + 2;
		for (; s->at < stop; s->at++)
			s->line += s->text.p[s->at] == '\n';
	}
	blank(s, start, s->at);
}

static void skip_blanks(struct scanner *s)
{
	while (s->at < s->text.n) {
		char c = peek(s, 0);
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			s->line += c == '\n';
			s->at++;
		} else if (is_comment(s)) {
			skip_comment(s);
		} else {
			return;
		}
	}
}

/* What is wrong in the text between quotes, or NULL. */
static const char *string_fault(struct str in)
{
	for (size_t i = 0; i < in.n;) {
		uint32_t code;
		size_t n = utf8_decode(str_skip(in, i), &code);
		if (n == 0)
			return "the text in quotes is not valid UTF-8";
		if (utf8_is_control(code))
			return "there is a control character in the quotes; take it out";
		if (code == '$' && i + 1 < in.n && in.p[i + 1] == '{')
			return "the environment is not looked up here; write the value itself "
			       "instead of ${...}";
		if (code == '\\') {
			if (i + 1 == in.n || strchr("\\\"'", in.p[i + 1]) == NULL)
				return "a backslash only stands before a quote or another "
				       "backslash; "
				       "write \\\\ for one";
			n++;
		}
		i += n;
	}
	return NULL;
}

static void scan_string(struct scanner *s, struct token *t)
{
	char quote = peek(s, 0);
	s->at++;
	size_t start = s->at;
	while (s->at < s->text.n && peek(s, 0) != quote && peek(s, 0) != '\n')
		s->at += peek(s, 0) == '\\' && peek(s, 1) != '\n' && peek(s, 1) != '\0' ? 2 : 1;
	t->kind = STRING;
	t->text = str_from(s->text.p + start, s->at - start);
	const char *fault = string_fault(t->text);
	if (peek(s, 0) != quote)
		fault = "the quotes are not closed on this line";
	else
		s->at++;
	if (fault != NULL) {
		t->kind = BAD;
		conf_fault(s->faults, t->line, "%s", fault);
	}
}

static bool is_word(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("_.:%@/[]-", c) != NULL);
}

static void scan_word(struct scanner *s, struct token *t)
{
	size_t start = s->at;
	bool bad = false;
	while (s->at < s->text.n && strchr(" \t\r\n{}=,#\"'", peek(s, 0)) == NULL) {
		bad = bad || !is_word(peek(s, 0)) ||
		      (peek(s, 0) == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*'));
		s->at++;
	}
	t->text = str_from(s->text.p + start, s->at - start);
	t->kind = bad ? BAD : WORD;
	if (!bad || s->bad_line == s->line)
		return;
	s->bad_line = s->line;
	if (str_eq(t->text, STR("+")))
		conf_fault(s->faults, t->line,
		    "there is no +=; write all values into one list: = { \"a\", \"b\" }");
	else if (str_find(t->text, '(') < t->text.n)
		conf_fault(s->faults, t->line,
		    "there are no functions and no include; write the settings here");
	else if (utf8_is_valid(t->text))
		conf_fault(s->faults, t->line,
		    "put quotes around a value with such characters: \"%.*s\"",
		    STR_ARG(str_head(t->text, 80)));
	else
		conf_fault(
		    s->faults, t->line, "there are bytes that are not valid UTF-8; take them out");
}

static void scan_token(struct scanner *s)
{
	skip_blanks(s);
	struct token t = {.kind = END, .line = s->line, .start = s->at};
	char c = peek(s, 0);
	if (s->at < s->text.n) {
		if (strchr("{}=,", c) != NULL) {
			t.kind = SIGN;
			t.sign = c;
			s->at++;
		} else if (c == '"' || c == '\'') {
			scan_string(s, &t);
		} else {
			scan_word(s, &t);
		}
	}
	t.end = s->at;
	s->tokens[s->token_count++] = t;
}

static void scan_tokens(struct scanner *s)
{
	s->tokens = xcalloc(CONF_TOKENS_MAX + 1, sizeof(*s->tokens));
	do {
		scan_token(s);
	} while (s->tokens[s->token_count - 1].kind != END && s->token_count < CONF_TOKENS_MAX);
	struct token *last = &s->tokens[s->token_count - 1];
	if (last->kind != END) {
		conf_fault(s->faults, s->line, "the file is too long; is this the right file?");
		s->tokens[s->token_count++] =
		    (struct token){.kind = END, .line = s->line, .start = s->at, .end = s->at};
	}
}

/* --- Settings --- */

static const struct token *token(const struct scanner *s, size_t ahead)
{
	size_t i = s->next + ahead;
	return &s->tokens[i < s->token_count ? i : s->token_count - 1];
}

static const struct token *take(struct scanner *s)
{
	const struct token *t = token(s, 0);
	if (t->kind != END)
		s->next++;
	return t;
}

static bool is_sign(const struct token *t, char sign)
{
	return t->kind == SIGN && t->sign == sign;
}

static bool is_text(const struct token *t)
{
	return t->kind == WORD || t->kind == STRING;
}

/* Goes on after the line of `bad`, or at a brace that closes something. */
static void resume(struct scanner *s, const struct token *start, const struct token *bad)
{
	unsigned line = bad->line;
	while (token(s, 0)->kind != END && token(s, 0)->line <= line && !is_sign(token(s, 0), '}'))
		s->next++;
	blank(s, start->start, token(s, 0)->start);
}

static void skip_block(struct scanner *s)
{
	size_t depth = 1;
	while (depth > 0 && token(s, 0)->kind != END) {
		const struct token *t = take(s);
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
	while (token(s, 0)->kind != END && !is_sign(token(s, 0), '}')) {
		if (is_text(token(s, 0)) &&
		    (is_sign(token(s, 1), '=') || is_sign(token(s, 1), '{')))
			return;
		s->next++;
	}
	if (is_sign(token(s, 0), '}'))
		take(s);
}

/* Two words where one value belongs: size-max = 50 MiB. */
static bool has_loose_word(const struct scanner *s, const struct token *value)
{
	const struct token *next = token(s, 0);
	const struct token *after = token(s, 1);
	if (!is_text(next) || next->line != value->line)
		return false;
	if (is_sign(after, '=') || is_sign(after, '{'))
		return false;
	return !(is_text(after) && after->line == next->line);
}

static void add_setting(
    struct scanner *s, const struct token *name, const struct conf_option *option)
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
		    str_eq(s->scan->settings[i].title, s->title))
			return &s->scan->settings[i];
	return NULL;
}

/* Whether the setting is to be kept; reports why not. */
static bool check_setting(struct scanner *s, const struct token *name, bool is_list)
{
	const struct conf_option *option = conf_find_option(s->section, name->text);
	if (option == NULL) {
		conf_unknown_option(s->faults, name->line, s->section, name->text);
		return false;
	}
	if (is_list && option->kind != CONF_LIST) {
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
static void scan_setting(struct scanner *s, const struct token *name)
{
	const struct token *value = token(s, 0);
	bool is_list = is_sign(value, '{');
	if (value->kind == BAD || (!is_list && !is_text(value))) {
		if (value->kind != BAD)
			conf_fault(s->faults, name->line,
			    "%.*s has no value; write one after the =",
			    STR_ARG(str_head(name->text, 80)));
		resume(s, name, name->line < value->line && value->kind != BAD ? name : value);
		return;
	}
	take(s);
	if (is_list && !scan_list(s)) {
		const struct token *bad = token(s, 0);
		if (bad->kind != BAD)
			conf_fault(s->faults, bad->kind == END ? name->line : bad->line,
			    "a list is written %.*s = { \"a\", \"b\" }",
			    STR_ARG(str_head(name->text, 80)));
		leave_list(s);
		blank(s, name->start, token(s, 0)->start);
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
		blank(s, name->start, s->tokens[s->next - 1].end);
}

static bool is_title(struct str title)
{
	for (size_t i = 0; i < title.n; i++)
		if (!ascii_is_alnum(title.p[i]) && strchr("_.-", title.p[i]) == NULL)
			return false;
	return title.n > 0 && title.n <= 40;
}

static const struct conf_heading *find_heading(
    const struct scanner *s, enum conf_section section, struct str title)
{
	for (size_t i = 0; i < s->scan->heading_count; i++)
		if (s->scan->headings[i].section == section &&
		    str_eq(s->scan->headings[i].title, title))
			return &s->scan->headings[i];
	return NULL;
}

/* Whether the section's settings count; reports why not. */
static bool check_section(struct scanner *s, const struct token *name, const struct token *title)
{
	struct str t = title == NULL ? (struct str){NULL, 0} : title->text;
	if (s->section == CONF_IN_listen && !is_title(t)) {
		conf_fault(s->faults, name->line,
		    "a listen section has a name of letters, digits and hyphens: listen smtp { ... "
		    "}");
		return false;
	}
	if (s->section != CONF_IN_listen && title != NULL) {
		conf_fault(s->faults, name->line,
		    "the section %s has no name of its own; write %s { ... }",
		    conf_section_names[s->section], conf_section_names[s->section]);
		return false;
	}
	const struct conf_heading *earlier = find_heading(s, s->section, t);
	if (earlier != NULL && s->section == CONF_IN_listen)
		conf_fault(s->faults, name->line,
		    "listen %.*s is there in line %u already; give this one another name, such as "
		    "listen %.*s-2 { protocol = ... }",
		    STR_ARG(t), earlier->line, STR_ARG(t));
	else if (earlier != NULL)
		conf_fault(s->faults, name->line,
		    "the section %s begins in line %u already; put both together",
		    conf_section_names[s->section], earlier->line);
	return earlier == NULL;
}

/* After NAME [TITLE] "{". */
static void open_section(struct scanner *s, const struct token *name, const struct token *title)
{
	enum conf_section section;
	if (s->section != CONF_IN_top || !conf_find_section(name->text, &section)) {
		if (s->section != CONF_IN_top)
			conf_fault(s->faults, name->line,
			    "a section cannot be inside another; is a } missing before it?");
		else
			conf_unknown_section(s->faults, name->line, name->text);
		skip_block(s);
		blank(s, name->start, token(s, 0)->start);
		return;
	}
	s->section = section;
	s->title = title == NULL ? (struct str){NULL, 0} : title->text;
	s->section_line = name->line;
	s->section_start = name->start;
	s->section_bad = !check_section(s, name, title);
	if (s->section_bad || s->scan->heading_count == CONF_SETTINGS_MAX)
		return;
	s->scan->headings[s->scan->heading_count++] =
	    (struct conf_heading){.section = section, .title = s->title, .line = name->line};
}

static void close_section(struct scanner *s, size_t end)
{
	if (s->section_bad)
		blank(s, s->section_start, end);
	s->section = CONF_IN_top;
	s->section_bad = false;
	s->title = (struct str){NULL, 0};
}

static void scan_statement(struct scanner *s)
{
	const struct token *name = take(s);
	const struct token *next = token(s, 0);
	if (is_sign(name, '}') && s->section != CONF_IN_top) {
		close_section(s, name->end);
	} else if (is_sign(name, '}')) {
		conf_fault(s->faults, name->line, "this } closes nothing; remove it");
		blank(s, name->start, name->end);
	} else if (name->kind != WORD) {
		if (name->kind != BAD)
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
		if (next->kind != BAD || next->line != name->line)
			conf_fault(s->faults, name->line,
			    "after \"%.*s\" comes = and a value, or { and a section",
			    STR_ARG(str_head(name->text, 80)));
		resume(s, name, name);
	}
}

void conf_scan(const char *text, size_t n, struct conf_scan *scan, struct conf_faults *faults)
{
	struct scanner s = {
	    .text = {text, n}, .line = 1, .scan = scan, .faults = faults, .section = CONF_IN_top};
	*scan = (struct conf_scan){
	    .settings = xcalloc(CONF_SETTINGS_MAX, sizeof(*scan->settings)),
	    .headings = xcalloc(CONF_SETTINGS_MAX, sizeof(*scan->headings)),
	    .clean = xcalloc(1, n + sizeof("\n}")),
	};
	if (n > 0)
		memcpy(scan->clean, text, n);
	scan_tokens(&s);
	while (token(&s, 0)->kind != END)
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
