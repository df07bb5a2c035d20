/* SPDX-License-Identifier: ISC
 *
 * "TLS-Required: No" in a header as content_scan sees it go by: whole, octet by octet, cut off at
 * every place.
 */
#include "smtpd/content.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static const struct content_limits limits = {1 << 20, 1 << 20, 50};

/* In pieces of `piece` octets. */
static void feed(struct content *c, struct str in, size_t piece)
{
	struct str keep;
	while (in.n > 0) {
		struct str part = str_head(in, piece);
		in = str_skip(in, part.n);
		while (part.n > 0 && c->event == CONTENT_MORE)
			part = str_skip(part, content_scan(c, part, &keep));
		if (c->event != CONTENT_MORE)
			return;
	}
}

/* By BDAT, so that the end is where the text ends. */
static bool scan(struct str in, size_t piece)
{
	struct content c;
	struct str keep;
	content_init(&c, &limits, false, false);
	feed(&c, in, piece);
	do
		content_finish(&c, &keep);
	while (keep.n > 0);
	return content_is_tls_optional(&c);
}

#define BEFORE "Received: by x; now\r\nTo: a@example.org\r\n"
#define AFTER  "Subject: x\r\n\r\nTLS-Required: Yes\r\n"

static const struct {
	const char *header;
	bool no;
} rows[] = {
    {"TLS-Required: No\r\n", true},
    {"TLS-Required:No\r\n", true},
    {"tls-required:\tNO\r\n", true},
    {"TLS-REQUIRED: \t nO\r\n", true},
    {"TLS-Required:\r\n No\r\n", true},
    {"TLS-Required: \r\n\t \r\n  no\r\n", true},
    {"", false},
    {"TLS-Required:\r\n", false},
    {"TLS-Required: \r\n", false},
    {"TLS-Required: N\r\n", false},
    {"TLS-Required: N o\r\n", false},
    {"TLS-Required:\r\nno: x\r\n", false},
    {"TLS-Required: Yes\r\n", false},
    {"TLS-Required: Noo\r\n", false},
    {"TLS-Required: No No\r\n", false},
    {"TLS-Required: No \t\r\n", true},
    {"TLS-Required: No\r\n \r\n", true},
    {"TLS-Required : No\r\n", true}, /* RFC 5322 §4.5.8 */
    {"TLS-Required \t:\r\n\t no \t\r\n", true},
    {"TLS-Required: No\r\n really\r\n", false},
    {"TLS-Required: N\r\n o\r\n", false},
    {"TLS-Required: \"No\"\r\n", false},
    {"TLS-Required: (no) No\r\n", false},
    {"TLS-Required: No (yes)\r\n", false},
    {"TLS-Required: No;\r\n", false},
    {"TLS -Required: No\r\n", false},
    {" TLS-Required: No\r\n", false},
    {"TLS-Required:: No\r\n", false},
    {"TLS-Requiredx: No\r\n", false},
    {"X-TLS-Required: No\r\n", false},
    {"TLS-Require: No\r\n", false},
    {"TLS-Required-TLS-Required: No\r\n", false},
    {"Comments: x\r\n TLS-Required: No\r\n", false},
    {"Comments: TLS-Required: No\r\n", false},
    {"TLS-Required: No\r\nTLS-Required: No\r\n", false},
    {"TLS-Required: No\r\nX: y\r\ntls-required: Yes\r\n", false},
    {"TLS-Required: Yes\r\nTLS-Required: No\r\n", false},
    {"TLS-Required : No\r\nTLS-Required: No\r\n", false},
    {"TLS-Required: No\r\nTLS-Required\r\n", true}, /* that is none, and ends the header */
    {"TLS-Required: No\r\nTLS-Required: No\r\nTLS-Required: No\r\n", false},
    {"\r\nTLS-Required: No\r\n", false},
    {"no field\r\nTLS-Required: No\r\n", false},
    {"TLS-Required: No\r\nno field\r\n", true},
};

static size_t fill(char *to, size_t size, size_t row)
{
	return (size_t)snprintf(to, size, "%s%s%s", BEFORE, rows[row].header, AFTER);
}

START_TEST(exactly_one_that_says_no)
{
	char text[512];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = fill(text, sizeof(text), i);
		for (size_t piece = 1; piece <= n; piece++)
			ck_assert_msg(scan(str_from(text, n), piece) == rows[i].no,
			    "%s in pieces of %zu", rows[i].header, piece);
	}
}
END_TEST

/* A content may end anywhere; where BDAT ends, a line does. What is cut off in the middle of a CRLF
 * ends in a bare CR, and is refused. */
START_TEST(every_prefix)
{
	char text[512];
	size_t n = fill(text, sizeof(text), 0);
	size_t whole = strlen(BEFORE) + strlen("TLS-Required: No");
	for (size_t cut = 0; cut <= n; cut++)
		ck_assert_msg(
		    scan(str_from(text, cut), 7) == (cut >= whole), "cut off after %zu", cut);
}
END_TEST

/* Any one octet that is another makes it another field, or none of that value. */
START_TEST(every_other_octet)
{
	static const char field[] = "TLS-Required: No";
	char text[512];
	for (size_t at = 0; at < strlen(field); at++)
		for (int octet = 0; octet < 256; octet++) {
			size_t n = fill(text, sizeof(text), 0);
			char *p = text + strlen(BEFORE) + at;
			bool same = ascii_lower((char)octet) == ascii_lower(*p) ||
				    (*p == ' ' && octet == '\t');
			if (octet == '\r' || octet == '\n')
				continue;
			*p = (char)octet;
			ck_assert_msg(
			    scan(str_from(text, n), 9) == same, "octet %d at %zu", octet, at);
		}
}
END_TEST

/* By DATA, whose dots are stuffed, and with line ends that are repaired. */
START_TEST(lines_of_data)
{
	static const struct {
		const char *in;
		bool no;
	} cases[] = {
	    {"TLS-Required: No\r\n.\r\n", true},
	    {".TLS-Required: No\r\n\r\n.\r\n", true},
	    {"..TLS-Required: No\r\n\r\n.\r\n", false},
	    {"Subject: x\n.TLS-Required: No\n\r\n.\r\n", true},
	    {"TLS-Required: No\n\r\n.\r\n", true},
	    {"TLS-Required:\rNo\r\n\r\n.\r\n", true},
	    {"TLS-Required: N\ro\r\n\r\n.\r\n", false},
	    {"TLS-Required: No\n TLS\n\r\n.\r\n", false},
	    {"\nTLS-Required: No\r\n\r\n.\r\n", false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= strlen(cases[i].in); piece++) {
			struct content c;
			struct str in = str_from_cstr(cases[i].in);
			content_init(&c, &limits, true, true);
			feed(&c, in, piece);
			ck_assert_int_eq(c.event, CONTENT_END);
			ck_assert_msg(content_is_tls_optional(&c) == cases[i].no,
			    "%zu in pieces of %zu", i, piece);
		}
}
END_TEST

UNIT_MAIN("tls_required", exactly_one_that_says_no, every_prefix, every_other_octet, lines_of_data)
