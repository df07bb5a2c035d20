/* SPDX-License-Identifier: ISC
 *
 * A tokenizer that drops comments and white space, and above it a parser that
 * sees one element of the list at a time: words are gathered in `text` until a
 * token tells whether they were an address, a display name or a group's name.
 */
#include "common/address-list.h"

enum { ADDRESS_TEXT_MAX = 2048 };

enum token_kind {
	TOKEN_END,
	TOKEN_FAULT,
	TOKEN_WORD, /* an atom or a quoted string */
	TOKEN_LITERAL,
	TOKEN_DOT = '.',
	TOKEN_AT = '@',
	TOKEN_OPEN = '<',
	TOKEN_CLOSE = '>',
	TOKEN_COMMA = ',',
	TOKEN_COLON = ':',
	TOKEN_SEMICOLON = ';',
};

struct token {
	enum token_kind kind;
	struct str raw;
};

/* What was gathered since the last separator. */
struct run {
	enum token_kind last;
	size_t tokens;
	size_t end;
	bool has_domain;
	bool two_words; /* without a dot or "@" between: no address */
};

void address_list_init(struct address_list *list, struct str in)
{
	*list = (struct address_list){.in = in, .text = BUF_INIT(ADDRESS_TEXT_MAX)};
}

void address_list_release(struct address_list *list)
{
	buf_release(&list->text);
}

static bool fault(struct address_list *l, const char *why)
{
	if (l->fault == NULL)
		l->fault = why;
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 5322 §3.2.3 atext, and RFC 6532 §3.2 for bytes above 127. */
static bool is_atext(char c)
{
	return ascii_is_alnum(c) || (uint8_t)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Past the comment that starts at `at`; they nest (RFC 5322 §3.2.2). */
static bool skip_comment(struct address_list *l)
{
	size_t depth = 0;
	for (; l->at < l->in.n; l->at++) {
		char c = l->in.p[l->at];
		if (c == '\\')
			l->at++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0) {
			l->at++;
			return true;
		}
	}
	l->at = l->in.n;
	return fault(l, "a comment is not closed: \")\" is missing");
}

static bool skip_blanks_and_comments(struct address_list *l)
{
	while (l->at < l->in.n) {
		if (is_blank(l->in.p[l->at]))
			l->at++;
		else if (l->in.p[l->at] != '(')
			return true;
		else if (!skip_comment(l))
			return false;
	}
	return true;
}

/* From the opening byte to `close`, both included. */
static bool take_enclosed(struct address_list *l, char close, struct str *raw)
{
	size_t from = l->at++;
	for (; l->at < l->in.n; l->at++) {
		char c = l->in.p[l->at];
		if (c == '\\')
			l->at++;
		else if (c == close) {
			l->at++;
			*raw = str_from(l->in.p + from, l->at - from);
			return true;
		}
	}
	l->at = l->in.n;
	return fault(l, close == '"' ? "a quoted string is not closed: '\"' is missing"
				     : "an address literal is not closed: \"]\" is missing");
}

static struct str take_atom(struct address_list *l)
{
	size_t from = l->at;
	while (l->at < l->in.n && is_atext(l->in.p[l->at]))
		l->at++;
	return str_from(l->in.p + from, l->at - from);
}

static struct token next_token(struct address_list *l)
{
	struct token t = {.kind = TOKEN_FAULT};
	if (!skip_blanks_and_comments(l))
		return t;
	if (l->at >= l->in.n)
		return (struct token){.kind = TOKEN_END};
	char c = l->in.p[l->at];
	if (c == '"') {
		t.kind = take_enclosed(l, '"', &t.raw) ? TOKEN_WORD : TOKEN_FAULT;
	} else if (c == '[') {
		t.kind = take_enclosed(l, ']', &t.raw) ? TOKEN_LITERAL : TOKEN_FAULT;
	} else if (is_atext(c)) {
		t = (struct token){TOKEN_WORD, take_atom(l)};
	} else if (c != '\0' && strchr(".@<>,:;", c) != NULL) {
		t = (struct token){(enum token_kind)c, str_from(l->in.p + l->at++, 1)};
	} else {
		fault(l, "a byte that may only stand inside quotes");
	}
	return t;
}

/* Appends without the line ends of folding, refusing other control characters. */
static bool gather_text(struct address_list *l, struct str raw)
{
	for (size_t i = 0; i < raw.n; i++) {
		char c = raw.p[i];
		if (c == '\r' || c == '\n')
			continue;
		if ((uint8_t)c < ' ' && c != '\t')
			return fault(l, "a control character");
		if (c == 0x7f || !buf_append_u8(&l->text, (uint8_t)c))
			return fault(l, "an address that is far too long");
	}
	return true;
}

static bool is_wordy(enum token_kind kind)
{
	return kind == TOKEN_WORD || kind == TOKEN_LITERAL;
}

static bool gather(struct address_list *l, struct run *run, const struct token *t)
{
	if (is_wordy(run->last) && is_wordy(t->kind))
		run->two_words = true;
	/* A display name may be long, an address may not: stop gathering what can only be a name.
	 */
	if (run->two_words)
		buf_reset(&l->text);
	else if (!gather_text(l, t->raw))
		return false;
	run->has_domain |= t->kind == TOKEN_AT;
	run->last = t->kind;
	run->end = l->at;
	run->tokens++;
	return true;
}

static void forget_run(struct address_list *l, struct run *run)
{
	*run = (struct run){.last = TOKEN_END};
	buf_reset(&l->text);
}

static bool finish(struct address_list *l, const struct run *run, struct address_list_item *item)
{
	if (run->two_words)
		return fault(l,
		    "two words where one address should be: put the address in <>, or a "
		    "comma between");
	*item = (struct address_list_item){
	    .address = buf_str(&l->text), .qualified = run->has_domain, .end = run->end};
	return l->fault == NULL;
}

/* A source route "@a,@b:" before the addr-spec (RFC 5322 §4.4): its last token is ":". */
static bool skip_route(struct address_list *l)
{
	for (;;) {
		struct token t = next_token(l);
		if (t.kind == TOKEN_COLON)
			return true;
		if (t.kind != TOKEN_AT && t.kind != TOKEN_COMMA && t.kind != TOKEN_DOT &&
		    !is_wordy(t.kind))
			return fault(l, "a source route that does not end in \":\"");
	}
}

/* What follows "<", its ">" included. */
static bool take_angle(struct address_list *l, struct run *run)
{
	forget_run(l, run);
	for (;;) {
		struct token t = next_token(l);
		if (t.kind == TOKEN_CLOSE)
			return true;
		if (t.kind == TOKEN_AT && run->tokens == 0) {
			if (!skip_route(l))
				return false;
		} else if (t.kind != TOKEN_DOT && t.kind != TOKEN_AT && !is_wordy(t.kind)) {
			return fault(l, "an address in <> is not closed: \">\" is missing");
		} else if (!gather(l, run, &t)) {
			return false;
		}
	}
}

static bool is_separator(enum token_kind kind)
{
	return kind == TOKEN_COMMA || kind == TOKEN_SEMICOLON || kind == TOKEN_END;
}

static bool open_group(struct address_list *l, struct run *run)
{
	if (l->in_group || run->tokens == 0)
		return fault(l, "a \":\" that begins no group");
	l->in_group = true;
	forget_run(l, run);
	return true;
}

/* One token inside an element. */
static bool take_token(struct address_list *l, struct run *run, const struct token *t, bool *angled)
{
	if (t->kind == TOKEN_FAULT)
		return false;
	if (*angled)
		return fault(l, "text after \">\": a comma is missing");
	if (t->kind == TOKEN_CLOSE)
		return fault(l, "a \">\" without its \"<\"");
	if (t->kind == TOKEN_COLON)
		return open_group(l, run);
	if (t->kind != TOKEN_OPEN)
		return gather(l, run, t);
	*angled = true;
	return take_angle(l, run);
}

/* Gathers one element of the list, which may turn out empty. `*ended` when nothing follows. */
static bool take_element(struct address_list *l, struct run *run, bool *ended)
{
	bool angled = false;
	forget_run(l, run);
	for (;;) {
		struct token t = next_token(l);
		*ended = t.kind == TOKEN_END;
		if (t.kind == TOKEN_SEMICOLON)
			l->in_group = false;
		if (is_separator(t.kind))
			return true;
		if (!take_token(l, run, &t, &angled))
			return false;
	}
}

bool address_list_next(struct address_list *l, struct address_list_item *item)
{
	struct run run;
	bool ended = false;
	while (l->fault == NULL && !ended) {
		if (!take_element(l, &run, &ended))
			return false;
		if (run.tokens > 0)
			return finish(l, &run, item);
	}
	return false;
}
