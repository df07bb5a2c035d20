/* SPDX-License-Identifier: ISC
 *
 * Directories for the trust anchor: resolver writes all of its, so it is nobody else's.
 */
#include "control/anchor-check.h"
#include "control/anchor-place.h"
#include "tests/unit/scratch.h"
#include "tests/unit/unit.h"

#include "common/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *said;

/* Everything in the scratch directory; `file` with no "/" in front is below that, too. */
static struct conf *conf_with(const char *file, const char *conf_path)
{
	const char *dir = scratch_path();
	struct conf_faults faults = {0};
	char *text = xasprintf(
	    "hostname = \"mx.example\"\nlisten smtp { address = \"127.0.0.1:2525\" }\n"
	    "tables = \"%s/tables\"\nspool = \"%s/var/spool\"\nrun = \"%s/run\"\n"
	    "mailboxes = \"%s/mail/%%d/%%n\"\nauth { state = \"%s/state\" }\n"
	    "certificate \"mx.example\" { chain = \"%s/tls/mx.pem\" key = \"%s/private/mx.key\" }\n"
	    "resolver { trust-anchor = \"%s%s%s\" }\n",
	    dir, dir, dir, dir, dir, dir, dir, file[0] == '/' ? "" : dir, file[0] == '/' ? "" : "/",
	    file);
	struct conf *conf = conf_parse(conf_path, text, strlen(text), &faults);
	ck_assert_msg(conf != NULL, "%s", faults.count == 0 ? "" : faults.list[0].text);
	free(text);
	return conf;
}

static bool check(const char *file)
{
	struct buf faults = BUF_INIT(16 * 1024);
	char *conf_path = xasprintf("%s/etc/x.conf", scratch_path());
	struct conf *conf = conf_with(file, conf_path);
	bool good = anchor_check(conf, conf_path, &faults);
	/* A start says the same of the place, and nothing of the file. */
	ck_assert(anchor_check_place(conf, conf_path, &faults) == good);
	free(said);
	said = str_dup(buf_str(&faults));
	ck_assert_int_eq(good, said[0] == '\0');
	ck_assert(good || strstr(said, "x.conf: trust-anchor: /") != NULL);
	conf_free(conf);
	buf_release(&faults);
	free(conf_path);
	return good;
}

static void begin(void)
{
	static const char *const made[] = {"etc", "etc/dns", "tables", "tables/dns", "var",
	    "var/spool", "var/spool/dns", "var/dns", "run", "run/dns", "mail", "mail/dns", "state",
	    "state/dns", "tls", "tls/dns", "private", "dns"};
	scratch_open();
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		scratch_mkdir(made[i]);
}

START_TEST(one_of_its_own_is_good)
{
	/* Also below one that others only read. */
	static const char *const good[] = {
	    "dns/root.key", "var/dns/root.key", "etc/dns/k", "tables/dns/k", "tls/dns/root.key"};
	begin();
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(check(good[i]), "%s", said);
	scratch_write("dns/root.key", STR(". IN DS 1 8 2 00\n"));
	scratch_write("dns/root.key.7-0-1", STR("x"));
	scratch_write("dns/root.key.probe", STR(""));
	ck_assert_msg(check("dns/root.key"), "%s", said);
	scratch_close();
}
END_TEST

START_TEST(another_program_s_is_not)
{
	static const struct {
		const char *file, *what;
	} rows[] = {
	    {"etc/root.key", "where the configuration's directory ("},
	    {"tables/root.key", "where the tables' directory ("},
	    {"var/spool/root.key", "where the spool ("},
	    {"var/root.key", "where the spool ("},
	    {"var/spool/dns/root.key", "is below the spool ("},
	    {"run/root.key", "where the run directory ("},
	    {"run/dns/root.key", "is below the run directory ("},
	    {"mail/root.key", "where the mailboxes' directory ("},
	    {"mail/dns/root.key", "is below the mailboxes' directory ("},
	    {"state/root.key", "where the state directory ("},
	    {"state/dns/root.key", "is below the state directory ("},
	    {"tls/root.key", "where a certificate's directory ("},
	    {"private/root.key", "where a private key's directory ("},
	    {"root.key", "where the configuration's directory ("},
	    {"/tmp/root.key", "/tmp is not for one program"},
	    {"/var/lib/root.key", "/var/lib is not for one program"},
	};
	begin();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(!check(rows[i].file), "%s", rows[i].file);
		ck_assert_msg(strstr(said, rows[i].what) != NULL, "%s", said);
		ck_assert_msg(strstr(said, ": make one for it alone, as ") != NULL, "%s", said);
	}
	scratch_close();
}
END_TEST

/* It would be made there. */
START_TEST(what_is_not_there_yet_counts)
{
	begin();
	char *spool = xasprintf("%s/var/spool", scratch_path());
	char *elsewhere = xasprintf("%s/var/elsewhere", scratch_path());
	ck_assert_int_eq(rename(spool, elsewhere), 0);
	ck_assert(!check("var/root.key"));
	ck_assert_ptr_nonnull(strstr(said, "the spool ("));
	ck_assert_msg(check("var/dns/root.key"), "%s", said);
	free(elsewhere);
	free(spool);
	scratch_close();
}
END_TEST

START_TEST(a_link_is_seen_through)
{
	begin();
	char *link = xasprintf("%s/link", scratch_path());
	ck_assert_int_eq(symlink("state", link), 0);
	ck_assert(!check("link/root.key"));
	ck_assert_ptr_nonnull(strstr(said, "the state directory ("));
	ck_assert(!check("link/dns/root.key"));
	free(link);
	scratch_close();
}
END_TEST

START_TEST(files_that_are_not_the_anchor_s)
{
	static const char *const names[] = {
	    "users.db", "root.keys", "root.ke", ".hidden", "other\033[2J"};
	begin();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = xasprintf("dns/%s", names[i]);
		char *whole = xasprintf("%s/%s", scratch_path(), path);
		scratch_write(path, STR("x"));
		ck_assert(!check("dns/root.key"));
		ck_assert_msg(strstr(said, "there is also \"") != NULL, "%s", said);
		ck_assert_ptr_null(strchr(said, '\033'));
		ck_assert_int_eq(unlink(whole), 0);
		free(whole);
		free(path);
	}
	scratch_mkdir("dns/root.key.d");
	ck_assert(!check("dns/root.key"));
	ck_assert_ptr_nonnull(strstr(said, "there is also \"root.key.d\""));
	scratch_close();
}
END_TEST

UNIT_MAIN("anchor check", one_of_its_own_is_good, another_program_s_is_not,
    what_is_not_there_yet_counts, a_link_is_seen_through, files_that_are_not_the_anchor_s)
