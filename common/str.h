/* SPDX-License-Identifier: ISC
 *
 * Counted strings. A struct str borrows its bytes; who lends them says for how
 * long. NUL has no meaning in it. An empty string may have p == NULL.
 */
#ifndef POSTERN_STR_H
#define POSTERN_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* Arguments for a "%.*s" conversion; only for text known to be printable. */
#define STR_ARG(s) (int)(s).n, (s).p == NULL ? "" : (s).p

static inline struct str str_from_cstr(const char *c)
{
	return (struct str){c, c == NULL ? 0 : strlen(c)};
}

static inline struct str str_from(const void *p, size_t n)
{
	return (struct str){p, n};
}

/* The part of s from byte `from` on (empty when there is none). */
static inline struct str str_skip(struct str s, size_t from)
{
	return from >= s.n ? (struct str){NULL, 0} : (struct str){s.p + from, s.n - from};
}

static inline struct str str_head(struct str s, size_t n)
{
	return (struct str){s.p, n < s.n ? n : s.n};
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case is ignored; bytes above 127 must be equal. */
bool str_caseeq(struct str a, struct str b);
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_caseprefix(struct str s, struct str prefix);
/* Index of the first/last c, or s.n when there is none. */
size_t str_find(struct str s, char c);
size_t str_rfind(struct str s, char c);
/* Takes the first line off the text, and returns it without its newline. */
struct str str_take_line(struct str *text);
/* Without leading and trailing blanks and tabs. */
struct str str_trim(struct str s);
/* A decimal number, digits only, whole string, at most max. */
bool str_parse_u64(struct str s, uint64_t max, uint64_t *out);
/* Heap copy, NUL-terminated. */
char *str_dup(struct str s);

/* Locale-free character classes. */
static inline bool ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}
static inline bool ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}
static inline bool ascii_is_print(char c)
{
	return c >= ' ' && c <= '~';
}
/* For a person's eyes, on a terminal or in a reply. */
static inline char ascii_shown(char c)
{
	return ascii_is_print(c) ? c : '?';
}
static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* What ends the word for so many things: "1 message", "2 messages". */
static inline const char *str_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

#endif
