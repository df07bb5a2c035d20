/* SPDX-License-Identifier: ISC
 *
 * The text tables: what is taken, and what is said, with which line, about what is not.
 */
#include "common/fingerprint.h"
#include "directory/alias.h"
#include "directory/text-edit.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static const char domains[] = "example.org\nexample.net\n";
static const char users[] = "ann@example.org\nbob@example.org\nann@example.net\n";

#define PRINT "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
#define PRINT_COLONS                                                                               \
	"00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:"  \
	"1D:1E:1F"
#define HASH_SHA256 "$5$rounds=1000$postern$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* One table's text, and every line that is said about it. */
static const struct {
	enum table_id table;
	const char *text;
	const char *faults; /* NULL: none */
	size_t records;
} rows[] = {
    {TABLE_DOMAINS, "",
	"domains: warning: names no domain: no mail is accepted until `postern domain add "
	"DOMAIN`\n",
	0},
    {TABLE_DOMAINS, "# comment\n\n  # another\nexample.org\n\texample.net  \n", NULL, 2},
    {TABLE_DOMAINS, "Example.ORG", NULL, 1},
    {TABLE_DOMAINS, "example.org\nEXAMPLE.org\n",
	"domains:2: example.org is there already, at line 1: keep one of the two\n", 1},
    {TABLE_DOMAINS, "münchen.example\nxn--mnchen-3ya.example\n",
	"domains:2: xn--mnchen-3ya.example is there already, at line 1: keep one of the two\n", 1},
    {TABLE_DOMAINS, "exam ple\n@example.org\n-x\n",
	"domains:1: \"ple\" after the domain is not known: write \"relay\" for one whose mail is "
	"passed on, or nothing\n"
	"domains:2: \"@example.org\" is no domain: write only what follows the @\n"
	"domains:3: \"-x\" is no domain: write it as in an address, after the @, e.g. "
	"example.org\n",
	0},
    {TABLE_DOMAINS, "example.org\r\nexample.net\r\n",
	"domains:1: lines end in CR LF: convert the file, e.g. with `sed -i 's/\\r$//'`\n", 2},
    {TABLE_DOMAINS,
	"\xef\xbb\xbf"
	"example.org\n",
	"domains:1: begins with a byte order mark: save it as plain UTF-8 without one\n", 1},
    {TABLE_DOMAINS, "exa\001mple.org\n",
	"domains:1: has a control character (exa\\x01mple.org): remove it\n", 0},

    {TABLE_USERS, "ann@example.org:*\nbob@example.org : " HASH_SHA256 " \n", NULL, 2},
    {TABLE_USERS, "\"a:b\"@example.org:*\n", NULL, 1},
    {TABLE_USERS, "Ann@Example.ORG:*\nann@example.org:*\n",
	"users:2: ann@example.org is there already, at line 1: keep one of the two\n", 1},
    {TABLE_USERS, "# only this", NULL, 0},
    {TABLE_USERS, "ann:*\n", "users:1: \"ann\" is no mail address: write local-part@domain\n", 0},
    {TABLE_USERS, "a..b@example.org:*\n",
	"users:1: \"a..b@example.org\" is no mail address: write local-part@domain\n", 0},
    {TABLE_USERS, "ann@elsewhere.example:*\n",
	"users:1: elsewhere.example is not in domains: add it with `postern domain add`, or remove "
	"this "
	"mailbox\n",
	1},
    {TABLE_USERS, "ann@example.org:\n",
	"users:1: the password hash is missing: write one that `postern user passwd ADDRESS` "
	"makes, or * "
	"for a mailbox without a login\n",
	0},
    {TABLE_USERS, "ann@example.org:secret\n",
	"users:1: the password hash is of no method this system knows: set the password anew with "
	"`postern user passwd ADDRESS`\n",
	0},
    {TABLE_USERS, "ann@example.org:{SHA256-CRYPT}" HASH_SHA256 "\n",
	"users:1: the password hash has a {SCHEME} in front: leave that away; what follows must be "
	"a hash "
	"of crypt(5), i.e. begin with $\n",
	0},
    {TABLE_USERS,
	"ann@example.org:$5$rounds=1000$postern$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
	"users:1: the password hash is cut short or has something after it: copy it whole, or set "
	"the "
	"password anew with `postern user passwd ADDRESS`\n",
	0},
    {TABLE_USERS, "ann@example.org:" HASH_SHA256 ":1000:1000\n",
	"users:1: the SCRAM keys do not begin with SCRAM-SHA-256$: set the password anew with "
	"`postern user passwd ADDRESS`\n",
	0},
    {TABLE_USERS, "ann@example.org:$1$postern$aaaaaaaaaaaaaaaaaaaaaa\n",
	"users:1: warning: the password hash is of an old method that is easily searched: set the "
	"password "
	"anew with `postern user passwd ADDRESS`\n",
	1},

    {TABLE_ALIASES, "team@example.org: ann@example.org, bob\n", NULL, 1},
    {TABLE_ALIASES,
	"team: ann@example.org\n# a comment does not end the list\n\n  , bob@example.org\n", NULL,
	1},
    {TABLE_ALIASES, "team:\n\tann@example.org,\n\tbob@example.org\nroot: ann\n", NULL, 2},
    {TABLE_ALIASES, "@example.net: ann\n", NULL, 1},
    {TABLE_ALIASES, "@example.net: @example.org\n", NULL, 1},
    {TABLE_ALIASES, "x: discard:\ny: refuse: no, thanks\nz: refuse:\n", NULL, 3},
    {TABLE_ALIASES, "\"x:y, z\"@example.org: ann\n", NULL, 1},
    {TABLE_ALIASES, "x@example.org ann\n",
	"aliases:1: \"x@example.org ann\" has no \":\": write NAME: TARGET, TARGET; a line that "
	"continues "
	"another begins with a blank\n",
	0},
    {TABLE_ALIASES, "  ann@example.org\n",
	"aliases:1: \"ann@example.org\" begins with a blank but continues nothing: remove the "
	"blank\n",
	0},
    {TABLE_ALIASES, "x:\n",
	"aliases:1: \"x\" has no target: write one after the \":\", or \"discard:\"\n", 0},
    {TABLE_ALIASES, "x: ann@example.org,\n",
	"aliases:1: \"x\" ends in a comma: remove it, or add the target that is missing\n", 0},
    {TABLE_ALIASES, "x: ann@example.org,, bob@example.org\ny: , ann@example.org\n",
	"aliases:1: \"x\" has a comma with no target before it: remove it\n"
	"aliases:2: \"y\" has a comma with no target before it: remove it\n",
	0},
    {TABLE_ALIASES, "x: ann@example.org\n bob@example.org\n",
	"aliases:2: \"bob@example.org\" has no comma before it: end the line above with one\n", 0},
    {TABLE_ALIASES, "x: ann@example.org # the boss\n",
	"aliases:1: \"ann@example.org # the boss\" is no mail address: write local-part@domain\n",
	0},
    {TABLE_ALIASES, "x: ann bob\n",
	"aliases:1: \"ann bob\" is neither an address nor a local part; targets are separated by "
	"commas, "
	"comments stand on lines of their own\n",
	0},
    {TABLE_ALIASES,
	"x: |/bin/sh\ny: \"|/bin/sh -c x\"\nz: /dev/null\nv: :include:/etc/list\nw: \\ann\n",
	"aliases:1: \"|/bin/sh\" would run a program, which aliases never do: deliver to a mailbox "
	"instead\n"
	"aliases:2: \"\"|/bin/sh -c x\"\" would run a program, which aliases never do: deliver to "
	"a mailbox "
	"instead\n"
	"aliases:3: \"/dev/null\" is a file: write \"discard:\" for /dev/null, else the address of "
	"a "
	"mailbox\n"
	"aliases:4: \":include:/etc/list\" is not read: put the addresses here, over several lines "
	"if need "
	"be\n"
	"aliases:5: \"\\ann\" begins with a backslash: write the mailbox's address; an alias that "
	"lists "
	"its own address keeps a copy in the mailbox\n",
	0},
    {TABLE_ALIASES, "x: @example.org\n",
	"aliases:1: \"@example.org\" names no mailbox; only a catch-all (\"@example.org: "
	"@example.net\") "
	"can stand for a whole domain\n",
	0},
    {TABLE_ALIASES, "@example.net: @example.org, ann\nx: discard:, ann@example.org\n",
	"aliases:1: \"ann\" cannot stand beside discard:, refuse: or @domain: write that alone\n"
	"aliases:2: \"ann@example.org\" cannot stand beside discard:, refuse: or @domain: write "
	"that "
	"alone\n",
	0},
    {TABLE_ALIASES, "x: ann@example.org, discard:\n",
	"aliases:1: \"\" cannot stand beside discard:, refuse: or @domain: write that alone\n", 0},
    {TABLE_ALIASES, "x: discard: ann\n",
	"aliases:1: \"discard: ann\" has something after \"discard:\": write the word alone\n", 0},
    {TABLE_ALIASES, "x: refuse: gone\n  for good\n",
	"aliases:2: \"for good\" cannot continue \"refuse:\": its text stands on one line\n", 0},
    {TABLE_ALIASES, "x: refuse: tschüß\n",
	"aliases:1: \"refuse: tschüß\" has other than printable ASCII in the text for the sender\n",
	0},
    {TABLE_ALIASES, "x@example.org: ann\nX@example.org: bob\n",
	"aliases:2: x@example.org is there already, at line 1: keep one of the two\n", 1},
    /* What the tables promise each other. */
    {TABLE_ALIASES, "x@elsewhere.example: ann@example.org\n@elsewhere.example: ann@example.org\n",
	"aliases:1: elsewhere.example is not in domains: add it with `postern domain add`, or "
	"remove this "
	"alias\n"
	"aliases:2: elsewhere.example is not in domains: add it with `postern domain add`, or "
	"remove this "
	"alias\n",
	2},
    {TABLE_ALIASES, "x@example.org: ann,\n\n  eve,\n  eve@elsewhere.example,\n  adam@example.net\n",
	"aliases:3: eve@example.org does not exist: add it with `postern user add`, or take it off "
	"the "
	"list\n"
	"aliases:5: adam@example.net does not exist: add it with `postern user add`, or take it "
	"off the "
	"list\n",
	1},
    {TABLE_ALIASES, "root: bob\n",
	"aliases:1: bob@example.net does not exist: add it with `postern user add`, or take it off "
	"the "
	"list\n",
	1},
    {TABLE_ALIASES, "root: bob\nroot@example.net: ann\n", NULL, 2},
    {TABLE_ALIASES, "root: ann\n", NULL, 1},
    {TABLE_ALIASES, "a@example.org: b\nb@example.org: a\n",
	"aliases:1: a@example.org comes back to itself: name a mailbox, or list the alias's own "
	"address to "
	"keep a copy in the mailbox of that name\n"
	"aliases:2: b@example.org comes back to itself: name a mailbox, or list the alias's own "
	"address to "
	"keep a copy in the mailbox of that name\n",
	2},
    {TABLE_ALIASES, "ann@example.org: ann, bob\nbob@example.org: bob, ann\n", NULL, 2},
    {TABLE_ALIASES, "x@example.org: x\n",
	"aliases:1: x@example.org leads to no mailbox: add one with `postern user add`, or change "
	"the "
	"alias\n",
	1},
    {TABLE_ALIASES, "ann@example.org: bob\n",
	"aliases:1: warning: the mailbox ann@example.org gets nothing, since this alias takes its "
	"mail: "
	"list ann@example.org among the targets to keep a copy\n",
	1},
    {TABLE_ALIASES, "@example.org: @example.net\n@example.net: @example.org\n",
	"aliases:1: postern-check-no-such-mailbox@example.org comes back to itself: name a "
	"mailbox, or list "
	"the alias's own address to keep a copy in the mailbox of that name\n"
	"aliases:2: postern-check-no-such-mailbox@example.net comes back to itself: name a "
	"mailbox, or list "
	"the alias's own address to keep a copy in the mailbox of that name\n",
	2},
    {TABLE_ALIASES, "x@example.org: ann+news\n", NULL, 1},

    {TABLE_DOMAINS, "example.org relay\nexample.net  RELAY \n", NULL, 2},
    {TABLE_DOMAINS, "example.org relay now\n",
	"domains:1: \"relay now\" after the domain is not known: write \"relay\" for one whose "
	"mail is passed on, or nothing\n",
	0},

    {TABLE_ROUTES,
	"a.example b.example\n.a.example\trelay:x\n* lmtp:y\nb.example smtp:[mx.b]:26\n"
	"c.example error\nd.example error 5.7.1 no\ne.example discard\nf.example HOLD\n"
	"m\303\274nchen.example m\303\274nchen.example\n",
	NULL, 9},
    {TABLE_ROUTES, "a.example\n",
	"routes:1: a.example has no route: write DOMAIN ROUTE, e.g. example.org "
	"smtp:[mx.example.org]\n",
	0},
    {TABLE_ROUTES, "a@b.example hold\n..a hold\n*. hold\n",
	"routes:1: \"a@b.example\" is no domain: write only what follows the @\n"
	"routes:2: \"..a\" is no domain: write it as in an address, after the @, e.g. "
	"example.org\n"
	"routes:3: \"*.\" is no domain: write it as in an address, after the @, e.g. "
	"example.org\n",
	0},
    {TABLE_ROUTES, "a.example mx.a.example:25\n",
	"routes:1: \"mx.a.example:25\" is no route: write \"smtp:[HOST]:PORT\" for a host, "
	"\"smtp:DOMAIN:PORT\" for the exchangers of a domain\n",
	0},
    {TABLE_ROUTES, "a.example 192.0.2.1\nb.example smtp:192.0.2.1:25\nc.example ::1\n",
	"routes:1: \"192.0.2.1\" is an address: write it as \"smtp:[192.0.2.1]:25\" or "
	"\"smtp:[IPv6:2001:db8::1]:25\"\n"
	"routes:2: \"smtp:192.0.2.1:25\" is an address: write it as \"smtp:[192.0.2.1]:25\" or "
	"\"smtp:[IPv6:2001:db8::1]:25\"\n"
	"routes:3: \"::1\" is an address: write it as \"smtp:[192.0.2.1]:25\" or "
	"\"smtp:[IPv6:2001:db8::1]:25\"\n",
	0},
    {TABLE_ROUTES, "a.example /run/lmtp\n",
	"routes:1: \"/run/lmtp\" is a path: give it a section lmtp NAME { socket = \"...\" } in "
	"the configuration, and write lmtp:NAME\n",
	0},
    {TABLE_ROUTES, "a.example refuse:\nb.example a_b\n",
	"routes:1: \"refuse:\" is no route: write \"smtp:[HOST]:PORT\" for a host, "
	"\"smtp:DOMAIN:PORT\" for the exchangers of a domain\n"
	"routes:2: \"a_b\" is no route: write a domain, smtp:[HOST], lmtp:NAME, relay:NAME, error "
	"TEXT, discard or hold\n",
	0},
    {TABLE_ROUTES, "a.example hold on\nb.example b.example # why\n",
	"routes:1: \"hold on\" has more than one word: write one route a line; comments stand on "
	"lines of their own\n"
	"routes:2: \"b.example # why\" has more than one word: write one route a line; comments "
	"stand on lines of their own\n",
	0},
    {TABLE_ROUTES, "a.example error 4.7.1 later\nb.example error tsch\303\274\303\237\n",
	"routes:1: \"error 4.7.1 later\" does not begin with a code of a permanent failure: write "
	"one such as 5.7.1, or none\n"
	"routes:2: \"error tsch\303\274\303\237\" has other than printable ASCII in the text for "
	"the sender\n",
	0},
    {TABLE_ROUTES, "a.example hold\nA.example discard\n",
	"routes:2: a.example is there already, at line 1: keep one of the two\n", 1},

    {TABLE_TLS,
	"a.example none\n.a.example may\n* dane\nb.example dane-only\nc.example encrypt\n"
	"d.example verify\ne.example Verify mx.e.example .f.example\n"
	"smtp:[mx.g.example]:587 verify\n[192.0.2.1] encrypt\n"
	"h.example fingerprint " PRINT " " PRINT_COLONS "\n"
	"i.example fingerprint sha256 Fingerprint=" PRINT_COLONS " " PRINT " SHA256  fingerprint=" PRINT "\n",
	NULL, 11},
    {TABLE_TLS, "a.example\nb.example secure\nc.example dane x\n",
	"tls:1: \"a.example\" has no policy: write one after it, such as dane or verify\n"
	"tls:2: \"secure\" is no policy: write none, may, encrypt, dane, dane-only, verify or "
	"fingerprint\n"
	"tls:3: \"x\" is one word too many: only verify and fingerprint have something after "
	"them\n",
	0},
    {TABLE_TLS, "relay:x verify\nlmtp:y none\nfoo:bar none\n[x] none\na@b none\n",
	"tls:1: \"relay:x\" is a relay or a socket, for which the configuration says what holds\n"
	"tls:2: \"lmtp:y\" is a relay or a socket, for which the configuration says what holds\n"
	"tls:3: \"foo:bar\" is neither a domain nor a nexthop: write example.org or "
	"smtp:[mx.example.org]:25\n"
	"tls:4: \"[x]\" is neither a domain nor a nexthop: write example.org or "
	"smtp:[mx.example.org]:25\n"
	"tls:5: \"a@b\" is no domain: write only what follows the @\n",
	0},
    {TABLE_TLS,
	"a.example fingerprint\nb.example fingerprint 00\nc.example fingerprint " PRINT
	"00\nd.example fingerprint x" PRINT "\ne.example fingerprint sha256\n"
	"f.example fingerprint sha256 " PRINT "\ng.example verify sha256 fingerprint=" PRINT "\n",
	"tls:1: \"fingerprint\" has no fingerprint after it: write the SHA-256 of the "
	"certificate\n"
	"tls:2: \"00\" is no SHA-256 fingerprint: " FINGERPRINT_HELP "\n"
	"tls:3: \"" PRINT "00\" is no SHA-256 fingerprint: " FINGERPRINT_HELP "\n"
	"tls:4: \"x" PRINT "\" is no SHA-256 fingerprint: " FINGERPRINT_HELP "\n"
	"tls:5: \"sha256\" is no SHA-256 fingerprint: " FINGERPRINT_HELP "\n"
	"tls:6: \"sha256 " PRINT "\" is no SHA-256 fingerprint: " FINGERPRINT_HELP "\n"
	"tls:7: \"fingerprint=" PRINT "\" is no domain: write it as in an address, after the @, e.g. example.org\n",
	0},
    {TABLE_TLS, "a.example verify a b c d e f g h i\nb.example verify *\n",
	"tls:1: \"i\" is one more than the 8 names that there can be\n"
	"tls:2: \"*\" is no name: write verify alone for the name of the server\n",
	0},

    {TABLE_LOGINS, "smarthost joe@example.org  pass word # 1\nother u p\n", NULL, 2},
    {TABLE_LOGINS, "smarthost joe\nsmarthost\n",
	"logins:1: smarthost has no password: write NAME USER PASSWORD\n"
	"logins:2: smarthost has no password: write NAME USER PASSWORD\n",
	0},
    {TABLE_LOGINS, "joe@example.org hunter2 hunter2\n",
	"logins:1: does not begin with a name of letters, digits and hyphens: write NAME USER "
	"PASSWORD\n",
	0},
    {TABLE_LOGINS, "a u p\na v q\n",
	"logins:2: a is there already, at line 1: keep one of the two\n", 1},
    {TABLE_SENDERS, "Ann@example.org press@example.org @Example.net\nbob@example.org *\n", NULL, 2},
    {TABLE_SENDERS, "ann@example.org\nann press@example.org\nann@example.org press\n",
	"senders:1: \"ann@example.org\" has no address behind the user: write USER ADDRESS ADDRESS "
	"...\n"
	"senders:2: \"ann\" is no mail address: write local-part@domain\n"
	"senders:3: \"press\" is no mail address: write local-part@domain\n",
	0},
    {TABLE_SENDERS, "ann@example.org @\nann@example.org @a..b\n",
	"senders:1: \"@\" is no domain: write it as in an address, after the @, e.g. example.org\n"
	"senders:2: \"@a..b\" is no domain: write it as in an address, after the @, e.g. "
	"example.org\n",
	0},
    {TABLE_SENDERS, "ann@example.org *\nANN@example.org *\n",
	"senders:2: ann@example.org is there already, at line 1: keep one of the two\n", 1},
};

static void load(struct tables *t, enum table_id table, const char *text)
{
	if (table > TABLE_ALIASES) {
		fixture_tables(t, domains, users, "", NULL);
		ck_assert(buf_append(&t->texts[table].buf, text, strlen(text)));
		table_parse(&t->tables[table], buf_str(&t->texts[table].buf), &t->faults);
		return;
	}
	fixture_tables(t, table == TABLE_DOMAINS ? text : domains,
	    table == TABLE_USERS     ? text
	    : table == TABLE_ALIASES ? users
				     : "",
	    table == TABLE_ALIASES ? text : "", NULL);
}

START_TEST(faults)
{
	struct tables t;
	const char *expect = rows[_i].faults == NULL ? "" : rows[_i].faults;
	load(&t, rows[_i].table, rows[_i].text);
	ck_assert_str_eq(fixture_faults(&t), expect);
	ck_assert_uint_eq(t.tables[rows[_i].table].count, rows[_i].records);
	tables_close(&t);
}
END_TEST

/* A file cut anywhere never crashes, and never makes records that the whole has not. */
START_TEST(prefixes)
{
	struct tables whole, part;
	size_t n = strlen(rows[_i].text);
	load(&whole, rows[_i].table, rows[_i].text);
	for (size_t cut = 0; cut <= n; cut++) {
		char *text = strndup(rows[_i].text, cut);
		load(&part, rows[_i].table, text);
		ck_assert_uint_le(part.tables[rows[_i].table].count, n);
		tables_close(&part);
		free(text);
	}
	tables_close(&whole);
}
END_TEST

START_TEST(postmaster_is_looked_for)
{
	struct tables t;
	const struct expand_rules none = {0};
	const struct expand_rules some = {.postmaster = STR("ann@example.org")};
	const struct expand_rules wrong = {.postmaster = STR("nobody@example.org")};
	fixture_tables(&t, domains, users, "", &none);
	ck_assert_ptr_nonnull(
	    strstr(fixture_faults(&t), "warning: mail to postmaster@example.net is refused"));
	tables_close(&t);
	fixture_tables(&t, domains, users, "", &some);
	ck_assert_str_eq(fixture_faults(&t), "");
	tables_close(&t);
	fixture_tables(&t, domains, users, "postmaster: ann\n", &none);
	ck_assert_str_eq(fixture_faults(&t), "");
	tables_close(&t);
	fixture_tables(&t, domains, users, "", &wrong);
	ck_assert_ptr_nonnull(strstr(fixture_faults(&t), "names no mailbox"));
	tables_close(&t);
}
END_TEST

START_TEST(too_many_targets)
{
	struct tables t;
	struct buf b = BUF_INIT((size_t)1024 * 1024);
	ck_assert(buf_append_str(&b, STR("x: a0@elsewhere.example")));
	for (unsigned i = 1; i <= EXPANSION_MAX; i++)
		ck_assert(buf_printf(&b, ",\n a%u@elsewhere.example", i));
	ck_assert(buf_append_u8(&b, '\0'));
	fixture_tables(&t, domains, users, (const char *)buf_data(&b), NULL);
	ck_assert_str_eq(fixture_faults(&t),
	    "aliases:1001: \"x\" has more than 1000 targets: make aliases of parts of the list\n");
	tables_close(&t);
	buf_release(&b);
}
END_TEST

static const struct {
	const char *before;
	unsigned line;	   /* 0: append */
	const char *with;  /* NULL: remove */
	const char *after; /* NULL: refused */
} edits[] = {
    {"", 0, "a", "a\n"},
    {"a\n", 0, "b", "a\nb\n"},
    {"a", 0, "b", "a\nb\n"},
    {"# c\n\na\nb\n", 3, "x", "# c\n\nx\nb\n"},
    {"a\nb", 2, "x", "a\nx\n"},
    {"a\nb", 1, NULL, "b"},
    {"a\nb\n", 2, NULL, "a\n"},
    {"a\n", 1, NULL, ""},
    {"a\n", 2, NULL, NULL},
    {"", 1, "x", NULL},
};

START_TEST(text_edits)
{
	struct buf b = BUF_INIT(64);
	const struct str with = str_from_cstr(edits[_i].with);
	ck_assert(buf_append(&b, edits[_i].before, strlen(edits[_i].before)));
	bool ok = edits[_i].line == 0 ? text_append_line(&b, with)
		  : with.p != NULL    ? text_replace_line(&b, edits[_i].line, with)
				      : text_remove_line(&b, edits[_i].line);
	const char *expect = edits[_i].after != NULL ? edits[_i].after : edits[_i].before;
	ck_assert_int_eq(ok, edits[_i].after != NULL);
	ck_assert(str_eq(buf_str(&b), str_from_cstr(expect)));
	buf_release(&b);
}
END_TEST

START_TEST(text_edits_keep_the_ceiling)
{
	struct buf b = BUF_INIT(8);
	ck_assert(buf_append(&b, "abc\nde\n", 7));
	ck_assert(!text_append_line(&b, STR("fgh")));
	ck_assert(!text_replace_line(&b, 2, STR("fghi")));
	ck_assert(text_replace_line(&b, 2, STR("fgh")));
	ck_assert(str_eq(buf_str(&b), STR("abc\nfgh\n")));
	buf_release(&b);
}
END_TEST

static const struct {
	const char *value;
	size_t n;
	bool good;
} values[] = {
    {"\0\1\4\0\0\0\0", 7, true},
    {"\0\1\2\0\0\0\1a", 8, true},
    {"\0\2\2\0\0\0\1a\1\0\0\0\3b@c", 16, true},
    {"", 0, false},
    {"\0\0", 2, false},
    {"\0\1\0\0\0\0\0", 7, false},	     /* kind 0 */
    {"\0\1\6\0\0\0\0", 7, false},	     /* kind 6 */
    {"\0\1\1\0\0\0\0", 7, false},	     /* empty address */
    {"\0\1\4\0\0\0\0x", 8, false},	     /* left over */
    {"\0\2\4\0\0\0\0\4\0\0\0\0", 12, false}, /* not alone */
    {"\0\1\2\0\0\0\2a", 8, false},	     /* cut */
    {"\xff\xff\4\0\0\0\0", 7, false},
};

START_TEST(alias_values)
{
	struct pool *pool = pool_new(EXPAND_POOL_MAX);
	struct alias_target *targets;
	size_t count;
	const struct str value = {values[_i].value, values[_i].n};
	ck_assert_int_eq(alias_get(value, pool, &targets, &count), values[_i].good);
	for (size_t cut = 0; values[_i].good && cut < value.n; cut++)
		ck_assert(!alias_get(str_head(value, cut), pool, &targets, &count));
	if (values[_i].good) {
		struct buf b = BUF_INIT(64);
		ck_assert(alias_get(value, pool, &targets, &count));
		ck_assert(alias_put(&b, targets, count));
		ck_assert(str_eq(buf_str(&b), value));
		buf_release(&b);
	}
	pool_free(pool);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	TCase *c = tcase_create("all");
	tcase_add_loop_test(c, faults, 0, COUNT(rows));
	tcase_add_loop_test(c, prefixes, 0, COUNT(rows));
	tcase_add_test(c, postmaster_is_looked_for);
	tcase_add_test(c, too_many_targets);
	tcase_add_loop_test(c, text_edits, 0, COUNT(edits));
	tcase_add_test(c, text_edits_keep_the_ceiling);
	tcase_add_loop_test(c, alias_values, 0, COUNT(values));
	return unit_run_case("table", c);
}
