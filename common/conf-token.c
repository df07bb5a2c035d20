/* SPDX-License-Identifier: ISC
 *
 * The file as words, strings and signs. It is stricter than libconfuse: what that
 * would expand (environment variables), skip in silence (stray characters) or take
 * for a call (functions) is a fault here.
 */
#include "common/conf-internal.h"
#include "common/mem.h"
#include "common/utf8.h"

struct lexer {
	struct str text;
	char *clean;
	size_t at;
	unsigned line;
	unsigned bad_line; /* the last one with a word that was reported; once is enough */
	struct conf_faults *faults;
};

void conf_blank(char *clean, size_t start, size_t end)
{
	for (size_t i = start; i < end; i++)
		if (clean[i] != '\n')
			clean[i] = ' ';
}

static char peek(const struct lexer *s, size_t ahead)
{
	return s->at + ahead < s->text.n ? s->text.p[s->at + ahead] : '\0';
}

static bool is_comment(const struct lexer *s)
{
	return peek(s, 0) == '#' || (peek(s, 0) == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*'));
}

static void skip_comment(struct lexer *s)
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
	conf_blank(s->clean, start, s->at);
}

static void skip_blanks(struct lexer *s)
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

static void scan_string(struct lexer *s, struct conf_token *t)
{
	char quote = peek(s, 0);
	s->at++;
	size_t start = s->at;
	while (s->at < s->text.n && peek(s, 0) != quote && peek(s, 0) != '\n')
		s->at += peek(s, 0) == '\\' && peek(s, 1) != '\n' && peek(s, 1) != '\0' ? 2 : 1;
	t->kind = CONF_TOKEN_STRING;
	t->text = str_from(s->text.p + start, s->at - start);
	const char *fault = string_fault(t->text);
	if (peek(s, 0) != quote)
		fault = "the quotes are not closed on this line";
	else
		s->at++;
	if (fault != NULL) {
		t->kind = CONF_TOKEN_BAD;
		conf_fault(s->faults, t->line, "%s", fault);
	}
}

static bool is_word(char c)
{
	return ascii_is_alnum(c) || (c != '\0' && strchr("_.:%@/[]-", c) != NULL);
}

static void scan_word(struct lexer *s, struct conf_token *t)
{
	size_t start = s->at;
	bool bad = false;
	while (s->at < s->text.n && strchr(" \t\r\n{}=,#\"'", peek(s, 0)) == NULL) {
		bad = bad || !is_word(peek(s, 0)) ||
		      (peek(s, 0) == '/' && (peek(s, 1) == '/' || peek(s, 1) == '*'));
		s->at++;
	}
	t->text = str_from(s->text.p + start, s->at - start);
	t->kind = bad ? CONF_TOKEN_BAD : CONF_TOKEN_WORD;
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

static struct conf_token scan_token(struct lexer *s)
{
	skip_blanks(s);
	struct conf_token t = {.kind = CONF_TOKEN_END, .line = s->line, .start = s->at};
	char c = peek(s, 0);
	if (s->at < s->text.n) {
		if (strchr("{}=,", c) != NULL) {
			t.kind = CONF_TOKEN_SIGN;
			t.sign = c;
			s->at++;
		} else if (c == '"' || c == '\'') {
			scan_string(s, &t);
		} else {
			scan_word(s, &t);
		}
	}
	t.end = s->at;
	return t;
}

size_t conf_tokens(
    struct str text, char *clean, struct conf_token **tokens, struct conf_faults *faults)
{
	struct lexer s = {.text = text, .clean = clean, .line = 1, .faults = faults};
	struct conf_token *list = NULL;
	size_t count = 0;
	size_t room = 0;
	do {
		if (count == room) {
			room = room == 0 ? 256 : 2 * room;
			list = xreallocarray(list, room, sizeof(*list));
		}
		list[count++] = scan_token(&s);
	} while (list[count - 1].kind != CONF_TOKEN_END && count < CONF_TOKENS_MAX);
	if (list[count - 1].kind != CONF_TOKEN_END) {
		conf_fault(faults, s.line, "the file is too long; is this the right file?");
		list[count - 1].kind = CONF_TOKEN_END;
	}
	*tokens = list;
	return count;
}
