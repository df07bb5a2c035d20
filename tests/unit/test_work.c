/* SPDX-License-Identifier: ISC
 *
 * No input makes a parser of common/ work more than its length deserves.
 */
#include "common/address.h"
#include "common/buf.h"
#include "common/conf-internal.h"
#include "common/header.h"
#include "common/log.h"
#include "common/mailbox-path.h"
#include "common/utf8.h"
#include "tests/unit/unit.h"
#include "tests/unit/work.h"

#include <fcntl.h>

static void parse_path(struct str in)
{
	struct address a;
	struct str rest;
	address_parse_path(in, true, true, true, &a, &rest);
}

static void canonicalise(struct str in)
{
	struct address a;
	struct str out;
	struct pool *pool = pool_new((size_t)64 << 20);
	if (address_parse(in, true, &a) != ADDRESS_SYNTAX)
		address_canonical(&a, pool, &out);
	pool_free(pool);
}

static void decode_xtext(struct str in)
{
	struct pool *pool = pool_new((size_t)64 << 20);
	struct str out;
	xtext_decode(in, pool, &out);
	pool_free(pool);
}

static void walk_header(struct str in)
{
	struct header_field f;
	header_length(in);
	while (header_next(&in, &f))
		;
}

static void make_path(struct str in)
{
	struct buf path = BUF_INIT(1024);
	mailbox_path("/m/%d/%n", in, &path);
	buf_release(&path);
}

static void scan_conf(struct str in)
{
	struct conf_scan scan;
	struct conf_faults faults = {0};
	conf_scan(in.p, in.n, &scan, &faults);
	conf_scan_free(&scan);
	conf_faults_free(&faults);
}

static void log_value(struct str in)
{
	struct log_event ev;
	log_begin(&ev, LOG_INFO, in);
	log_str(&ev, "x", in);
	log_note(&ev, in);
	log_end(&ev);
}

static void check_utf8(struct str in)
{
	utf8_is_valid(in);
}

/* A buffer that is fed and drained must not move all that is in it for each octet. */
static void trickle(struct str in)
{
	struct buf b = BUF_INIT((size_t)64 << 20);
	for (size_t i = 0; i < in.n; i++)
		buf_append_u8(&b, (uint8_t)in.p[i]);
	for (size_t i = 0; i < in.n; i++) {
		buf_append_u8(&b, (uint8_t)in.p[i]);
		buf_consume(&b, 1);
	}
	buf_release(&b);
}

static const struct {
	const char *name;
	work_fn *fn;
	unsigned per_octet;
	struct work_shape shape;
} rows[] = {
    {"path", parse_path, 150, {"<", "a", "@b>", 5000}},
    {"path", parse_path, 150, {"<", "a.", "a@b>", 5000}},
    {"path", parse_path, 150, {"<", "!", "a@b>", 5000}},
    {"path", parse_path, 150, {"<\"", "\\a", "\"@b>", 5000}},
    {"path", parse_path, 150, {"<\"", "a", "\"@b>", 5000}},
    {"path", parse_path, 150, {"<\"", "\"\"", "@b>", 5000}},
    {"path", parse_path, 150, {"<a@", "b.", "c>", 5000}},
    {"path", parse_path, 150, {"<a@", "b", ">", 5000}},
    {"path", parse_path, 150, {"<a@", "\xc3\xbc", ">", 5000}},
    {"path", parse_path, 150, {"<a@", "\xc3\xbc.", "x>", 5000}},
    {"path", parse_path, 150, {"<a@", ".", "x>", 5000}},
    {"path", parse_path, 150, {"<", "@x,", "@x:a@b>", 5000}},
    {"path", parse_path, 150, {"<", "@", "", 5000}},
    {"path", parse_path, 150, {"<a@[", ":", "]>", 5000}},
    {"path", parse_path, 150, {"<a@[", "[", "", 5000}},
    {"path", parse_path, 150, {"", "<", "", 5000}},
    {"path", parse_path, 150, {"<", "\xc3\xa9", "@b>", 5000}},
    {"path", parse_path, 150, {"<", "\xc3", "@b>", 5000}},
    {"canonical", canonicalise, 200, {"", "a", "@b", 5000}},
    {"canonical", canonicalise, 200, {"\"", "\\\"", "\"@b", 5000}},
    {"canonical", canonicalise, 200, {"\"", "..", "\"@b", 5000}},
    {"xtext", decode_xtext, 50, {"", "+2B", "", 5000}},
    {"xtext", decode_xtext, 50, {"", "a", "", 5000}},
    {"xtext", decode_xtext, 50, {"", "+", "", 5000}},
    {"header", walk_header, 50, {"", "A: b\r\n", "", 5000}},
    {"header", walk_header, 50, {"A: b\r\n", " c\r\n", "", 5000}},
    {"header", walk_header, 50, {"", "a", "", 5000}},
    {"header", walk_header, 50, {"", "a", ": b\r\n", 5000}},
    {"header", walk_header, 50, {"", ":", "", 5000}},
    {"header", walk_header, 50, {"", "\r", "", 5000}},
    {"header", walk_header, 50, {"", " ", "", 5000}},
    {"header", walk_header, 50, {"", "x\n", "", 5000}},
    {"header", walk_header, 50, {"", "\n", "", 5000}},
    {"header", walk_header, 50, {"", "x\n ", "", 5000}},
    {"header", walk_header, 50, {"", "A: b\r\n \r\n", "\r\n", 5000}},
    {"mailbox path", make_path, 100, {"a@", "b", "", 5000}},
    {"mailbox path", make_path, 100, {"\"", "\\a", "\"@b", 5000}},
    {"mailbox path", make_path, 100, {"", "@", "b", 5000}},
    {"mailbox path", make_path, 100, {"", "/", "@b", 5000}},
    {"conf", scan_conf, 4000, {"", "a", "", 5000}},
    {"conf", scan_conf, 4000, {"", "a ", "", 5000}},
    {"conf", scan_conf, 4000, {"", "a=1\n", "", 5000}},
    {"conf", scan_conf, 4000, {"", "hostname=1\n", "", 2000}},
    {"conf", scan_conf, 4000, {"", "smtp{hops-max=5}\n", "", 2000}},
    {"conf", scan_conf, 4000, {"", "{", "", 5000}},
    {"conf", scan_conf, 4000, {"x {", "{", "", 5000}},
    {"conf", scan_conf, 4000, {"smtp {", "a{", "", 5000}},
    {"conf", scan_conf, 4000, {"", "}", "", 5000}},
    {"conf", scan_conf, 4000, {"", "\"", "", 5000}},
    {"conf", scan_conf, 4000, {"", "'x\n", "", 5000}},
    {"conf", scan_conf, 4000, {"", "/*", "", 5000}},
    {"conf", scan_conf, 4000, {"", "/**/", "", 5000}},
    {"conf", scan_conf, 4000, {"", "/", "", 5000}},
    {"conf", scan_conf, 4000, {"", "*", "", 5000}},
    {"conf", scan_conf, 4000, {"networks = {", "a,", "", 5000}},
    {"conf", scan_conf, 4000, {"networks = {", "a ", "", 5000}},
    {"conf", scan_conf, 4000, {"networks = {", "a,", "}", 5000}},
    {"conf", scan_conf, 4000, {"", "networks={\n", "}", 5000}},
    {"conf", scan_conf, 4000, {"", "= ", "", 5000}},
    {"conf", scan_conf, 4000, {"a = \"", "\\\"", "\"", 5000}},
    {"conf", scan_conf, 4000, {"a = \"", "${", "\"", 5000}},
    {"log", log_value, 300, {"", "a", "", 5000}},
    {"log", log_value, 300, {"", "\xff", "", 5000}},
    {"log", log_value, 300, {"", ", (", "", 5000}},
    {"utf8", check_utf8, 50, {"", "\xc3\xa9", "", 5000}},
    {"utf8", check_utf8, 50, {"", "a", "", 5000}},
    {"buf", trickle, 50, {"", "a", "", 5000}},
};

START_TEST(work_is_linear)
{
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		work_assert_linear(rows[i].name, rows[i].fn, &rows[i].shape, rows[i].per_octet);
}
END_TEST

UNIT_MAIN("work", work_is_linear)
