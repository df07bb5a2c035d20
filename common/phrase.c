/* SPDX-License-Identifier: ISC */
#include "common/phrase.h"

/* RFC 2047 §2: at most 75 characters, of which "=?UTF-8?Q?" and "?=" take 12. */
enum { ENCODED_TEXT_MAX = 63 };

enum look { LOOK_PLAIN, LOOK_QUOTED, LOOK_ENCODED };

static bool is_control(char c)
{
	return (uint8_t)c < ' ' || c == 0x7f;
}

static enum look look_at(struct str name)
{
	enum look look = LOOK_PLAIN;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if ((uint8_t)c >= 0x80)
			return LOOK_ENCODED;
		if (!ascii_is_alnum(c) && (c == '\0' || strchr(" !#$%&'*+-/=?^_`{|}~", c) == NULL))
			look = LOOK_QUOTED;
	}
	/* Text that looks like an encoded word must not be taken for one. */
	return look == LOOK_PLAIN && str_has_prefix(name, STR("=?")) ? LOOK_QUOTED : look;
}

static bool put_plain(struct buf *out, struct str name)
{
	return buf_append_str(out, name);
}

static bool put_quoted(struct buf *out, struct str name)
{
	bool ok = buf_append_u8(out, '"');
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c == '"' || c == '\\')
			ok = ok && buf_append_u8(out, '\\');
		ok = ok && buf_append_u8(out, is_control(c) ? ' ' : (uint8_t)c);
	}
	return ok && buf_append_u8(out, '"');
}

/* Octets of the UTF-8 character at the start, so that none is cut in two. */
static size_t character_length(struct str s)
{
	size_t n = 1;
	while (n < s.n && n < 4 && ((uint8_t)s.p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* How the Q encoding writes one byte inside a phrase (RFC 2047 §5 (3)). */
static bool put_q(struct buf *out, uint8_t c)
{
	if (c == ' ')
		return buf_append_u8(out, '_');
	if (ascii_is_alnum((char)c) || (c != 0 && strchr("!*+-/", c) != NULL))
		return buf_append_u8(out, c);
	return buf_printf(out, "=%02X", c);
}

static bool put_encoded(struct buf *out, struct str name)
{
	size_t room = 0;
	bool ok = true;
	for (struct str rest = name; rest.n > 0;) {
		size_t n = character_length(rest);
		if (room < 3 * n) {
			ok = ok && (rest.n == name.n || buf_append_str(out, STR("?= ")));
			ok = ok && buf_append_str(out, STR("=?UTF-8?Q?"));
			room = ENCODED_TEXT_MAX;
		}
		for (size_t i = 0; i < n; i++)
			ok = ok && put_q(out, is_control(rest.p[i]) ? ' ' : (uint8_t)rest.p[i]);
		room -= 3 * n;
		rest = str_skip(rest, n);
	}
	return ok && buf_append_str(out, STR("?="));
}

bool phrase_put(struct buf *out, struct str name)
{
	static bool (*const put[])(struct buf *, struct str) = {
	    [LOOK_PLAIN] = put_plain, [LOOK_QUOTED] = put_quoted, [LOOK_ENCODED] = put_encoded};
	return name.n == 0 || put[look_at(name)](out, name);
}

bool phrase_from_gecos(struct buf *out, struct str gecos, struct str login)
{
	bool ok = true;
	struct str name = str_trim(str_head(gecos, str_find(gecos, ',')));
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] != '&' || login.n == 0) {
			ok = ok && buf_append_u8(out, (uint8_t)name.p[i]);
			continue;
		}
		char first = login.p[0];
		if (first >= 'a' && first <= 'z')
			first = (char)(first - ('a' - 'A'));
		ok = ok && buf_append_u8(out, (uint8_t)first) &&
		     buf_append_str(out, str_skip(login, 1));
	}
	return ok;
}
