/* SPDX-License-Identifier: ISC
 *
 * Invariant: a template's pieces are in order and lie in its own copy of the text.
 */
#include "queue/template.h"
#include "common/mem.h"
#include "common/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct piece {
	struct str literal; /* then the word */
	enum template_word word; /* TEMPLATE_WORD_COUNT: none */
};

struct template {
	char *text;
	struct str subject;
	struct piece *pieces;
	size_t count;
};

struct parsing {
	struct template *t;
	enum template_about about;
	template_fault_fn *fault;
	void *ctx;
	unsigned line;
	bool failed;
};

static const struct {
	const char *name;
	unsigned about;
} names[] = {
#define WORD(id, name, about, help) {name, about},
    TEMPLATE_WORDS
#undef WORD
};

__attribute__((format(printf, 2, 3))) static void complain(
    struct parsing *p, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	p->failed = true;
	if (p->fault != NULL)
		p->fault(p->ctx, p->line, text);
}

/* --- lines -------------------------------------------------------------- */

static struct str line_of(struct str text)
{
	struct str line = str_head(text, str_find(text, '\n'));
	return line.n > 0 && line.p[line.n - 1] == '\r' ? str_head(line, line.n - 1) : line;
}

static void check_line(struct parsing *p, struct str line)
{
	uint32_t code;
	for (size_t at = 0, n; at < line.n; at += n) {
		n = utf8_decode(str_skip(line, at), &code);
		if (n == 0) {
			complain(p, "the text is not UTF-8: save it as UTF-8");
			return;
		}
		if (code != '\t' && utf8_is_control(code)) {
			complain(p, "the line has a control character (U+%04X): remove it",
			    (unsigned)code);
			return;
		}
	}
}

static void check_lines(struct parsing *p, struct str text)
{
	for (p->line = 1; text.n > 0; p->line++) {
		check_line(p, line_of(text));
		text = str_skip(text, str_find(text, '\n') + 1);
	}
}

/* Takes the first two lines off the text. */
static void parse_subject(struct parsing *p, struct str *text)
{
	const struct str name = STR("Subject: ");
	struct str line = line_of(*text);
	p->line = 1;
	if (!str_has_prefix(line, name))
		complain(p, "the first line is not the subject: write \"Subject: ...\"");
	p->t->subject = str_trim(str_skip(line, name.n));
	if (p->t->subject.n == 0 || p->t->subject.n > TEMPLATE_SUBJECT_MAX)
		complain(p, "the subject must have 1 to %d characters", TEMPLATE_SUBJECT_MAX);
	if (!utf8_is_ascii(p->t->subject))
		complain(p, "the subject must be ASCII: write it without accents");
	*text = str_skip(*text, str_find(*text, '\n') + 1);
	p->line = 2;
	if (text->n == 0 || line_of(*text).n > 0)
		complain(p, "an empty line must follow the subject");
	*text = str_skip(*text, str_find(*text, '\n') + 1);
}

/* --- words -------------------------------------------------------------- */

static void add_piece(struct parsing *p, struct str literal, enum template_word word)
{
	struct template *t = p->t;
	t->pieces = xreallocarray(t->pieces, t->count + 1, sizeof(*t->pieces));
	t->pieces[t->count++] = (struct piece){literal, word};
}

static void complain_of_word(struct parsing *p, struct str name)
{
	char list[256];
	size_t n = 0;
	for (size_t i = 0; i < TEMPLATE_WORD_COUNT; i++)
		if (names[i].about & p->about)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s${%s}",
			    n == 0 ? "" : ", ", names[i].name);
	if (name.n > 0 && name.n <= 40 && utf8_is_ascii(name))
		complain(p, "there is no word ${%.*s}: write one of %s", STR_ARG(name), list);
	else
		complain(p, "\"$\" begins no word here: write \"$$\", or one of %s", list);
}

static enum template_word find_word(const struct parsing *p, struct str name)
{
	size_t i = 0;
	while (i < TEMPLATE_WORD_COUNT && ((names[i].about & p->about) == 0 ||
					      !str_eq(name, str_from_cstr(names[i].name))))
		i++;
	return (enum template_word)i;
}

/* `at` is at a "$"; returns the octets that it and what belongs to it take. */
static size_t parse_dollar(struct parsing *p, struct str text, struct str literal)
{
	struct str rest = str_skip(text, literal.n + 1);
	if (rest.n > 0 && rest.p[0] == '$') {
		add_piece(p, str_head(text, literal.n + 1), TEMPLATE_WORD_COUNT);
		return literal.n + 2;
	}
	size_t end = str_find(line_of(rest), '}');
	bool closed = rest.n > 0 && rest.p[0] == '{' && end < line_of(rest).n;
	struct str name = closed ? str_skip(str_head(rest, end), 1) : (struct str){NULL, 0};
	enum template_word word = find_word(p, name);
	if (word == TEMPLATE_WORD_COUNT)
		complain_of_word(p, name);
	add_piece(p, literal, word);
	return literal.n + 1 + (closed ? end + 1 : 0);
}

static unsigned lines_in(struct str s)
{
	unsigned n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void parse_body(struct parsing *p, struct str text)
{
	p->line = 3;
	while (text.n > 0) {
		struct str literal = str_head(text, str_find(text, '$'));
		p->line += lines_in(literal);
		if (literal.n == text.n) {
			add_piece(p, literal, TEMPLATE_WORD_COUNT);
			return;
		}
		text = str_skip(text, parse_dollar(p, text, literal));
	}
}

struct template *template_parse(
    struct str text, enum template_about about, template_fault_fn *fault, void *ctx)
{
	struct template *t = xcalloc(1, sizeof(*t));
	struct parsing p = {.t = t, .about = about, .fault = fault, .ctx = ctx, .line = 1};
	if (text.n > TEMPLATE_MAX) {
		complain(&p, "the text is too long: write at most %d octets", TEMPLATE_MAX);
		template_free(t);
		return NULL;
	}
	t->text = str_dup(text);
	struct str rest = str_from(t->text, text.n);
	check_lines(&p, rest);
	parse_subject(&p, &rest);
	parse_body(&p, rest);
	if (!p.failed)
		return t;
	template_free(t);
	return NULL;
}

void template_free(struct template *t)
{
	if (t == NULL)
		return;
	free(t->pieces);
	free(t->text);
	free(t);
}

struct str template_subject(const struct template *t)
{
	return t->subject;
}

bool template_expand(
    const struct template *t, const struct str words[TEMPLATE_WORD_COUNT], struct buf *out)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct piece *p = &t->pieces[i];
		if (!buf_append_str(out, p->literal))
			return false;
		if (p->word != TEMPLATE_WORD_COUNT && !buf_append_str(out, words[p->word]))
			return false;
	}
	return true;
}
