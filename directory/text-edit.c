/* SPDX-License-Identifier: ISC */
#include "directory/text-edit.h"

bool text_append_line(struct buf *text, struct str line)
{
	struct str now = buf_str(text);
	bool open = now.n > 0 && now.p[now.n - 1] != '\n';
	if (buf_reserve(text, line.n + 2) == NULL)
		return false;
	if (open)
		buf_append_u8(text, '\n');
	buf_append_str(text, line);
	return buf_append_u8(text, '\n');
}

/* Where the line stands, its newline (if it has one) included. */
static bool find_line(struct str text, unsigned number, size_t *start, size_t *n)
{
	*start = 0;
	for (unsigned i = 1; *start < text.n; i++) {
		size_t end = str_find(str_skip(text, *start), '\n') + 1;
		*n = end < text.n - *start ? end : text.n - *start;
		if (i == number)
			return true;
		*start += *n;
	}
	return false;
}

/* Puts `line` (newline included, or empty) in the place of line `number`. */
static bool splice(struct buf *text, unsigned number, struct str line)
{
	struct str old = buf_str(text);
	struct buf fresh = BUF_INIT(text->max);
	size_t start, n;
	if (!find_line(old, number, &start, &n))
		return false;
	if (buf_append_str(&fresh, str_head(old, start)) && buf_append_str(&fresh, line) &&
	    buf_append_str(&fresh, str_skip(old, start + n))) {
		buf_release(text);
		*text = fresh;
		return true;
	}
	buf_release(&fresh);
	return false;
}

bool text_replace_line(struct buf *text, unsigned number, struct str line)
{
	struct buf with_end = BUF_INIT(line.n + 1);
	bool ok = buf_append_str(&with_end, line) && buf_append_u8(&with_end, '\n') &&
		  splice(text, number, buf_str(&with_end));
	buf_release(&with_end);
	return ok;
}

bool text_remove_line(struct buf *text, unsigned number)
{
	return splice(text, number, (struct str){NULL, 0});
}
