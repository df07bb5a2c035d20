/* SPDX-License-Identifier: ISC
 *
 * Two walks over the fields: the first learns which there are, the second
 * writes. Everything that depends on a field's name is in `fields`.
 */
#include "common/submission-header.h"
#include "common/address-list.h"
#include "common/phrase.h"

#include "common/header.h"

#include <stdio.h>
#include <string.h>

enum field_flags {
	FIELD_FROM = 1 << 0,
	FIELD_DATE = 1 << 1,
	FIELD_MESSAGE_ID = 1 << 2,
	FIELD_RESENT = 1 << 3,
	FIELD_RECIPIENT = 1 << 4, /* -t reads it */
	FIELD_ADDRESSES = 1 << 5, /* addresses without a domain get one */
	FIELD_DROP = 1 << 6,	  /* for us alone, or only for the final delivery to set */
};

static const struct field_row {
	struct str name;
	unsigned flags;
} fields[] = {
    {STR("from"), FIELD_FROM | FIELD_ADDRESSES},
    {STR("sender"), FIELD_ADDRESSES},
    {STR("reply-to"), FIELD_ADDRESSES},
    {STR("to"), FIELD_RECIPIENT | FIELD_ADDRESSES},
    {STR("cc"), FIELD_RECIPIENT | FIELD_ADDRESSES},
    {STR("bcc"), FIELD_RECIPIENT | FIELD_DROP},
    {STR("date"), FIELD_DATE},
    {STR("message-id"), FIELD_MESSAGE_ID},
    {STR("resent-from"), FIELD_RESENT | FIELD_FROM | FIELD_ADDRESSES},
    {STR("resent-sender"), FIELD_RESENT | FIELD_ADDRESSES},
    {STR("resent-to"), FIELD_RESENT | FIELD_RECIPIENT | FIELD_ADDRESSES},
    {STR("resent-cc"), FIELD_RESENT | FIELD_RECIPIENT | FIELD_ADDRESSES},
    {STR("resent-bcc"), FIELD_RESENT | FIELD_RECIPIENT | FIELD_DROP},
    {STR("resent-date"), FIELD_RESENT | FIELD_DATE},
    {STR("resent-message-id"), FIELD_RESENT | FIELD_MESSAGE_ID},
    {STR("return-path"), FIELD_DROP},
    {STR("content-length"), FIELD_DROP},
};

static unsigned flags_of(struct str name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (str_caseeq(fields[i].name, name))
			return fields[i].flags;
	return 0;
}

static bool says_nothing(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (memchr(" \t\r\n", value.p[i], 4) == NULL)
			return false;
	return true;
}

/* What must be there is missing, too, where it is empty. */
static unsigned flags_of_field(const struct header_field *f)
{
	unsigned flags = flags_of(f->name);
	bool needed = flags & (FIELD_FROM | FIELD_DATE | FIELD_MESSAGE_ID);
	return needed && says_nothing(f->value) ? FIELD_DROP : flags;
}

/* What a walk over the header has found out. */
struct walk {
	const struct submission *s;
	struct buf *out;
	struct submission_fault *fault;
	unsigned present; /* FIELD_FROM | FIELD_DATE | FIELD_MESSAGE_ID of the block that counts */
	bool resent;
};

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* Copies a piece of a field; line ends become CRLF, NUL and stray CR a blank. */
static bool put_piece(struct buf *out, struct str s)
{
	bool ok = true;
	for (size_t i = 0; i < s.n && ok; i++) {
		char c = s.p[i];
		if (c == '\n')
			ok = buf_append_str(out, STR("\r\n"));
		else if (c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n')
			continue;
		else
			ok = buf_append_u8(out, c == '\r' || c == '\0' ? ' ' : (uint8_t)c);
	}
	return ok;
}

static struct str without_line_end(struct str s)
{
	while (s.n > 0 && is_line_end(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Copies the field, completing its addresses. What cannot be parsed is copied as it is. */
static bool put_field(struct walk *w, const struct header_field *f, unsigned flags)
{
	struct str whole = without_line_end(f->whole);
	struct str value = without_line_end(f->value);
	size_t done = 0;
	bool ok = put_piece(w->out, str_head(whole, whole.n - value.n));
	struct address_list list;
	struct address_list_item item;
	address_list_init(&list, value);
	while (ok && (flags & FIELD_ADDRESSES) && address_list_next(&list, &item)) {
		if (item.qualified)
			continue;
		ok = put_piece(w->out, str_from(value.p + done, item.end - done)) &&
		     buf_append_u8(w->out, '@') && buf_append_str(w->out, w->s->origin);
		done = item.end;
	}
	address_list_release(&list);
	return ok && put_piece(w->out, str_skip(value, done)) &&
	       buf_append_str(w->out, STR("\r\n"));
}

static bool blame(struct walk *w, struct str name, const char *why)
{
	w->fault->why = why;
	snprintf(w->fault->field, sizeof(w->fault->field), "%.*s", (int)(name.n < 63 ? name.n : 63),
	    name.p == NULL ? "" : name.p);
	return false;
}

static bool extract(struct walk *w, const struct header_field *f)
{
	struct address_list list;
	struct address_list_item item;
	bool ok = true;
	address_list_init(&list, f->value);
	while (ok && address_list_next(&list, &item))
		ok = w->s->on_recipient(w->s->ctx, item.address, item.qualified);
	if (!ok || list.fault != NULL)
		ok = blame(w, f->name, list.fault);
	address_list_release(&list);
	return ok;
}

static void learn_field(struct walk *w, const struct header_field *f)
{
	unsigned flags = flags_of_field(f);
	bool resent = (flags & FIELD_RESENT) != 0;
	/* Once there is one Resent- field only those count. */
	if (resent && !w->resent) {
		w->resent = true;
		w->present = 0;
	}
	if (resent == w->resent)
		w->present |= flags;
}

static bool write_field(struct walk *w, const struct header_field *f)
{
	unsigned flags = flags_of_field(f);
	bool counts = ((flags & FIELD_RESENT) != 0) == w->resent;
	if (w->s->extract && counts && (flags & FIELD_RECIPIENT) && !extract(w, f))
		return false;
	if (flags & FIELD_DROP)
		return true;
	return put_field(w, f, flags) || blame(w, f->name, "the header is too long");
}

/* Walks the fields; *used is where the body begins. A line that is no field ends the header. */
static bool each_field(struct walk *w, struct str in, size_t *used,
    bool (*fn)(struct walk *, const struct header_field *))
{
	struct str rest = in;
	struct header_field f;
	struct str before = rest;
	while (header_next(&rest, &f)) {
		if (f.name.n == 0) {
			*used = in.n - before.n;
			return true;
		}
		if (!fn(w, &f))
			return false;
		before = rest;
	}
	/* The empty line belongs to neither. */
	*used = in.n - before.n;
	struct str end = str_head(before, 2);
	if (str_has_prefix(end, STR("\r\n")))
		*used += 2;
	else if (str_has_prefix(end, STR("\n")))
		*used += 1;
	return true;
}

static bool learn(struct walk *w, const struct header_field *f)
{
	learn_field(w, f);
	return true;
}

static bool put_from(struct walk *w, const char *name)
{
	struct str sender = w->s->sender.n > 0 ? w->s->sender : STR("MAILER-DAEMON");
	bool ok = buf_printf(w->out, "%s: ", name);
	if (w->s->full_name.n > 0)
		ok = ok && phrase_put(w->out, w->s->full_name) && buf_append_u8(w->out, ' ') &&
		     buf_append_u8(w->out, '<');
	ok = ok && buf_append_str(w->out, sender);
	if (w->s->sender.n == 0)
		ok = ok && buf_append_u8(w->out, '@') && buf_append_str(w->out, w->s->origin);
	if (w->s->full_name.n > 0)
		ok = ok && buf_append_u8(w->out, '>');
	return ok && buf_append_str(w->out, STR("\r\n"));
}

static bool put_missing(struct walk *w)
{
	char date[HEADER_DATE_SIZE];
	bool ok = true;
	if (!(w->present & FIELD_FROM))
		ok = ok && put_from(w, w->resent ? "Resent-From" : "From");
	if (!(w->present & FIELD_DATE)) {
		header_date(w->s->now_ms, date);
		ok = ok &&
		     header_put(w->out, w->resent ? "Resent-Date" : "Date", str_from_cstr(date));
	}
	if (!(w->present & FIELD_MESSAGE_ID))
		ok = ok &&
		     buf_printf(w->out, "%s: <", w->resent ? "Resent-Message-ID" : "Message-ID") &&
		     buf_append_str(w->out, w->s->unique) && buf_append_u8(w->out, '@') &&
		     buf_append_str(w->out, w->s->origin) && buf_append_str(w->out, STR(">\r\n"));
	return (ok && buf_append_str(w->out, STR("\r\n"))) ||
	       blame(w, STR(""), "the header is too long");
}

/* The separator of mbox files, which some programs pass on. "From :" is the field, in obsolete syntax
 * (RFC 5322 §4.5). */
static size_t mbox_line_length(struct str in)
{
	struct str rest = str_trim(str_skip(in, str_find(in, ' ')));
	if ((!str_has_prefix(in, STR("From ")) && !str_has_prefix(in, STR(">From "))) ||
	    str_has_prefix(rest, STR(":")))
		return 0;
	size_t end = str_find(in, '\n');
	return end < in.n ? end + 1 : end;
}

bool submission_header(const struct submission *s, struct str in, struct buf *out, size_t *used,
    struct submission_fault *fault)
{
	struct walk w = {.s = s, .out = out, .fault = fault};
	size_t skipped = mbox_line_length(in);
	*fault = (struct submission_fault){.why = NULL};
	in = str_skip(in, skipped);
	if (header_length(in) > SUBMISSION_HEADER_MAX)
		return blame(&w, STR(""), "the header is longer than 1 MiB");
	if (!each_field(&w, in, used, learn) || !each_field(&w, in, used, write_field))
		return false;
	*used += skipped;
	return put_missing(&w);
}
