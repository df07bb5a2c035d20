/* SPDX-License-Identifier: ISC
 *
 * The operator's commands on a directory of tables: what they change, what they
 * leave, what they say.
 */
#include "common/mem.h"
#include "control/command.h"
#include "directory/map.h"
#include "directory/password.h"
#include "tests/unit/directory-fixture.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

static char *dir;
static struct conf conf;
static struct command_context ctx;

static void setup(void)
{
	dir = fixture_directory();
	conf = (struct conf){.tables = dir,
	    .recipient_delimiter = (char *)(uintptr_t) "+",
	    .postmaster = (char *)(uintptr_t) "ann@example.org"};
	ctx = (struct command_context){.conf_path = "postern.conf", .conf = &conf};
}

static void teardown(void)
{
	fixture_remove(dir);
}

static int to_file(int fd, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(file, 0);
	int saved = dup(fd);
	ck_assert_int_ge(dup2(file, fd), 0);
	close(file);
	return saved;
}

static void back(int fd, int saved)
{
	ck_assert_int_ge(dup2(saved, fd), 0);
	close(saved);
}

static char said[65536]; /* stdout, then stderr, of the last command */

static void collect(const char *name)
{
	size_t n, at = strlen(said);
	char *text = fixture_read(dir, name, &n);
	char path[256];
	ck_assert_uint_lt(at + n, sizeof(said));
	memcpy(said + at, text, n + 1);
	free(text);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

/* Runs "user add ann@example.org", say, with `input` at its standard input. */
static int run(const char *input, const char *line)
{
	char *argv[16], *copy = xstrdup(line), *save = NULL;
	int argc = 0;
	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	fflush(stdout);
	int in = to_file(STDIN_FILENO, "in"), out = to_file(STDOUT_FILENO, "out");
	int err = to_file(STDERR_FILENO, "err");
	ck_assert_int_eq(write(STDIN_FILENO, input, strlen(input)), (ssize_t)strlen(input));
	ck_assert_int_eq(lseek(STDIN_FILENO, 0, SEEK_SET), 0);
	command_fn *fn = strcmp(argv[0], "user") == 0	  ? cmd_user
			 : strcmp(argv[0], "domain") == 0 ? cmd_domain
							  : cmd_table;
	int status = fn(&ctx, argc, argv);
	fflush(stdout);
	back(STDIN_FILENO, in);
	back(STDOUT_FILENO, out);
	back(STDERR_FILENO, err);
	said[0] = '\0';
	collect("out");
	collect("err");
	collect("in");
	said[strlen(said) - strlen(input)] = '\0';
	free(copy);
	return status;
}

#define MUST(input, line) ck_assert_msg(run(input, line) == EX_OK, "%s: %s", line, said)

static const char *text_of(const char *name)
{
	static char copy[65536];
	size_t n;
	char *text = fixture_read(dir, name, &n);
	ck_assert_uint_lt(n, sizeof(copy));
	memcpy(copy, text, n + 1);
	free(text);
	return copy;
}

/* Whether the compiled tables are sound, of one set and made from the texts. */
static int check(void)
{
	FILE *f = fmemopen(said, sizeof(said), "w");
	said[0] = '\0';
	int status = tables_check(dir, f);
	fclose(f);
	return status;
}

static bool compiled_has(enum table_id table, const char *key)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *why = "";
	struct map *m = map_open(fd, table, NULL, &why);
	ck_assert_msg(m != NULL, "%s", why);
	enum lookup_result found = map_get(m, str_from_cstr(key), NULL, NULL);
	map_close(m);
	close(fd);
	return found == LOOKUP_FOUND;
}

START_TEST(from_nothing_to_a_user)
{
	MUST("", "domain add Example.ORG");
	ck_assert_str_eq(text_of("domains"), "Example.ORG\n");
	MUST("secret\n", "user add Ann@example.org");
	ck_assert_int_eq(check(), EX_OK);
	ck_assert(compiled_has(TABLE_DOMAINS, "example.org"));
	ck_assert(compiled_has(TABLE_USERS, "ann@example.org"));
	char *line = xstrdup(text_of("users"));
	ck_assert_int_eq(strncmp(line, "ann@example.org:$y$", 19), 0);
	/* ADDRESS:HASH:SCRAM */
	char *hash = strchr(line, ':') + 1, *scram = strchr(hash, ':');
	ck_assert_ptr_nonnull(scram);
	ck_assert_int_eq(strncmp(scram, ":SCRAM-SHA-256$", 15), 0);
	*scram = '\0';
	ck_assert(password_check(STR("secret"), hash));
	ck_assert(!password_check(STR("Secret"), hash));
	free(line);
}
END_TEST

START_TEST(comments_order_mode_and_owner_stay)
{
	char path[256];
	struct stat st;
	fixture_write(dir, "domains", "# ours\n\nexample.org # no\n");
	ck_assert_int_eq(run("", "domain add example.net"), EX_DATAERR);
	fixture_write(dir, "domains", "# ours\n\nexample.org");
	fixture_write(dir, "users", "# people\nzoe@example.org:*\n\n# more\nann@example.org:*\n");
	snprintf(path, sizeof(path), "%s/users", dir);
	ck_assert_int_eq(chmod(path, 0664), 0);
	MUST("", "domain add example.net");
	ck_assert_str_eq(text_of("domains"), "# ours\n\nexample.org\nexample.net\n");
	MUST("", "user add bob@example.net --hash *");
	ck_assert_str_eq(text_of("users"),
	    "# people\nzoe@example.org:*\n\n# more\nann@example.org:*\nbob@example.net:*\n");
	MUST("", "user remove ZOE@example.org");
	ck_assert_str_eq(
	    text_of("users"), "# people\n\n# more\nann@example.org:*\nbob@example.net:*\n");
	/* Never readable by everybody, else as it was. */
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	snprintf(path, sizeof(path), "%s/users.db", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	MUST("other\n", "user passwd ann@example.org");
	ck_assert_int_eq(
	    strncmp(text_of("users"), "# people\n\n# more\nann@example.org:$y$", 35), 0);
	ck_assert_int_eq(check(), EX_OK);
}
END_TEST

/* Command, status, and what it says. Nothing changes. */
static const struct {
	const char *line, *input;
	int status;
	const char *says;
} refusals[] = {
    {"user add ann@example.org", "pw\n", EX_CANTCREAT, "there already"},
    {"user add ANN@example.org", "pw\n", EX_CANTCREAT, "there already"},
    {"user add eve@example.org", "", EX_NOINPUT, "no password was given"},
    {"user add eve@example.org", "\n", EX_NOINPUT, "no password was given"},
    {"user add eve@elsewhere.example", "pw\n", EX_DATAERR,
	"users:3: elsewhere.example is not in domains"},
    {"user add eve", "pw\n", EX_DATAERR, "is no mail address"},
    {"user add eve@", "pw\n", EX_DATAERR, "is no mail address"},
    {"user add eve@example.org --hash secret", "", EX_DATAERR, "no method"},
    {"user add eve@example.org --hash", "", EX_USAGE, "usage: postern user"},
    {"user add", "", EX_USAGE, "usage: postern user"},
    {"user add eve@example.org secret", "", EX_USAGE, "usage: postern user"},
    {"user", "", EX_USAGE, "usage: postern user"},
    {"user frobnicate", "", EX_USAGE, "usage: postern user"},
    {"user passwd eve@example.org", "pw\n", EX_NOUSER, "no such mailbox"},
    {"user remove eve@example.org", "", EX_NOUSER, "no such mailbox"},
    {"user remove bob@example.org", "", EX_DATAERR, "aliases:1: bob@example.org does not exist"},
    {"user list eve@example.org", "", EX_NOUSER, "no such mailbox"},
    {"domain add example.org", "", EX_CANTCREAT, "there already"},
    {"domain add example.org relay", "", EX_CANTCREAT, "there already"},
    {"domain add example.net relayed", "", EX_USAGE, "usage: postern domain"},
    {"domain add example.net relay relay", "", EX_USAGE, "usage: postern domain"},
    {"domain remove example.org relay", "", EX_USAGE, "usage: postern domain"},
    {"domain add -x-", "", EX_DATAERR, "is no domain"},
    {"domain add a@b", "", EX_DATAERR, "only what follows the @"},
    {"domain remove example.org", "", EX_DATAERR, "users:1: example.org is not in domains"},
    {"domain remove elsewhere.example", "", EX_NOHOST, "no such domain"},
    {"domain", "", EX_USAGE, "usage: postern domain"},
    {"domain list x", "", EX_USAGE, "usage: postern domain"},
    {"table", "", EX_USAGE, "usage: postern table"},
    {"table show", "", EX_USAGE, "usage: postern table"},
    {"table show passwords", "", EX_USAGE, "usage: postern table"},
};

static void set_example(void)
{
	fixture_write(dir, "domains", "example.org\n");
	fixture_write(dir, "users", "ann@example.org:*\nbob@example.org:*\n");
	fixture_write(dir, "aliases", "team: ann, bob\n");
}

START_TEST(refused_commands_change_nothing)
{
	static const char *const files[] = {
	    "domains", "users", "aliases", "domains.db", "users.db", "aliases.db"};
	char *before[6];
	size_t sizes[6];
	set_example();
	MUST("", "table build");
	for (size_t i = 0; i < 6; i++)
		before[i] = fixture_read(dir, files[i], &sizes[i]);
	ck_assert_int_eq(run(refusals[_i].input, refusals[_i].line), refusals[_i].status);
	ck_assert_msg(strstr(said, refusals[_i].says) != NULL, "%s", said);
	for (size_t i = 0; i < 6; i++) {
		size_t n;
		char *now = fixture_read(dir, files[i], &n);
		ck_assert_uint_eq(n, sizes[i]);
		ck_assert(memcmp(now, before[i], n) == 0);
		free(now);
		free(before[i]);
	}
	ck_assert(!fixture_exists(dir, "users.new"));
	ck_assert(!fixture_exists(dir, "users.db.new"));
}
END_TEST

#define NO_KEYS                                                                                    \
	"SCRAM is not offered by default: 1 user has a password and no keys for it:\n"             \
	"  bob@example.org\n`postern user passwd ADDRESS` makes them\n"

START_TEST(lists)
{
	char *hash = xasprintf("user passwd bob@example.org --hash %s", fixture_quick_hash());
	set_example();
	fixture_write(dir, "domains", "example.org\nexample.net\n");
	fixture_write(dir, "aliases", "team@example.org:\n ann, BOB@Example.org\nx: discard:\n");
	MUST("", "table build");
	ck_assert_str_eq(said, "2 domains, 2 users, 2 aliases, 0 routes\n");
	fixture_write(dir, "routes", "example.com smtp:mx.example.com\n");
	fixture_write(dir, "domains", "example.org\n");
	fixture_write(dir, "aliases", "x: discard:\n");
	MUST("", "table build");
	ck_assert_str_eq(said, "1 domain, 2 users, 1 alias, 1 route\n");
	fixture_write(dir, "routes", "");
	fixture_write(dir, "domains", "example.org\nexample.net\n");
	fixture_write(dir, "aliases", "team@example.org:\n ann, BOB@Example.org\nx: discard:\n");
	MUST("", "table build");
	MUST("", hash);
	MUST("", "user list");
	ck_assert_str_eq(said, "ann@example.org\nbob@example.org\n" NO_KEYS);
	MUST("", "user list BOB@example.org");
	ck_assert_str_eq(said, "bob@example.org\n" NO_KEYS);
	MUST("", "user list ann@example.org");
	ck_assert_str_eq(said, "ann@example.org\n");
	MUST("", "user list --json");
	ck_assert_str_eq(said, "[\n  {\"address\": \"ann@example.org\", \"login\": false, "
			       "\"method\": \"none\", \"scram\": false},\n"
			       "  {\"address\": \"bob@example.org\", \"login\": true, \"method\": "
			       "\"sha256crypt\", \"scram\": false}\n]\n");
	MUST("", "domain list");
	ck_assert_str_eq(said, "example.net\nexample.org\n");
	ctx.json = true;
	MUST("", "domain list");
	ck_assert_str_eq(said,
	    "[\n  {\n    \"domain\": \"example.net\",\n    \"relay\": false\n  },\n"
	    "  {\n    \"domain\": \"example.org\",\n    \"relay\": false\n  }\n]\n");
	ctx.json = false;
	MUST("", "table show aliases");
	ck_assert_str_eq(said, "team@example.org: ann, BOB@example.org\nx: discard:\n");
	MUST("", "table show users");
	ck_assert_str_eq(said, "ann@example.org:*\nbob@example.org:(hash)\n");
	free(hash);
}
END_TEST

START_TEST(adds_a_domain_that_is_passed_on)
{
	size_t n;
	set_example();
	MUST("", "table build");
	MUST("", "domain add Example.net relay");
	char *text = fixture_read(dir, "domains", &n);
	ck_assert_str_eq(text, "example.org\nExample.net relay\n");
	free(text);
	MUST("", "domain list");
	ck_assert_str_eq(said, "example.net relay\nexample.org\n");
	MUST("", "domain list --json");
	ck_assert_ptr_nonnull(strstr(said, "\"example.net\",\n    \"relay\": true"));
	MUST("", "table show domains");
	ck_assert_str_eq(said, "example.net relay\nexample.org\n");
	MUST("", "domain remove example.net");
	MUST("", "domain list");
	ck_assert_str_eq(said, "example.org\n");
}
END_TEST

START_TEST(faults_keep_the_old_set)
{
	set_example();
	MUST("", "table build");
	ck_assert_int_eq(check(), EX_OK);
	fixture_write(dir, "aliases", "team: ann,, bob\nroot: eve\n");
	ck_assert_int_eq(run("", "table build"), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(said, "aliases:1: "));
	ck_assert_ptr_nonnull(strstr(said, "aliases:2: eve@example.org does not exist"));
	ck_assert_ptr_nonnull(strstr(said, "the old tables stay in use"));
	ck_assert(compiled_has(TABLE_ALIASES, "team"));
	/* Another table's fault stops an edit, too, since sets are whole. */
	ck_assert_int_eq(run("pw\n", "user add eve@example.org"), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(said, "nothing was changed"));
	ck_assert_int_eq(check(), EX_DATAERR);
	ck_assert_ptr_nonnull(
	    strstr(said, "aliases: was changed since it was compiled: run `postern table build`"));
}
END_TEST

START_TEST(check_sees_what_is_wrong_with_compiled_tables)
{
	char a[256], b[256];
	set_example();
	ck_assert_int_eq(check(), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(
	    said, "users: the compiled table beside it is missing: run `postern table build`"));
	MUST("", "table build");
	ck_assert_int_eq(check(), EX_OK);
	fixture_write(dir, "users.db", "junk");
	ck_assert_int_eq(check(), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(said, "run `postern table build`"));
	MUST("", "table build");
	snprintf(a, sizeof(a), "%s/users.db", dir);
	snprintf(b, sizeof(b), "%s/kept.db", dir);
	ck_assert_int_eq(link(a, b), 0);
	MUST("", "table build");
	ck_assert_int_eq(rename(b, a), 0);
	ck_assert_int_eq(check(), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(said, "not of one set"));
	/* The same octets under a new time are not taken for the compiled ones. */
	MUST("", "table build");
	set_example();
	ck_assert_int_eq(check(), EX_DATAERR);
}
END_TEST

START_TEST(directories_that_others_write_to)
{
	set_example();
	ck_assert_int_eq(chmod(dir, 0777), 0);
	ck_assert_int_eq(run("", "table build"), EX_NOPERM);
	ck_assert_ptr_nonnull(strstr(said, "everybody can write to it"));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	MUST("", "table build");
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chmod(dir, 0775), 0);
	ck_assert_int_eq(run("", "table build"), EX_NOPERM);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(chown(dir, 65534, 65534), 0);
	ck_assert_int_eq(run("", "table build"), EX_NOPERM);
	ck_assert_ptr_nonnull(strstr(said, "belongs to another user"));
	ck_assert_int_eq(chown(dir, 0, 0), 0);
}
END_TEST

/* Certificates, say, that somebody keeps in a directory tls. */
START_TEST(a_directory_where_a_table_is_looked_for)
{
	char path[256];
	set_example();
	snprintf(path, sizeof(path), "%s/tls", dir);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(run("", "table build"), EX_NOINPUT);
	ck_assert_ptr_nonnull(strstr(said, "/tls: is a directory, where a table is looked for"));
	ck_assert_int_eq(rmdir(path), 0);
	MUST("", "table build");
}
END_TEST

START_TEST(senders_who_cannot_log_in)
{
	char *domains[] = {(char *)(uintptr_t) "host.example"};
	set_example();
	conf.system.domains = (struct conf_name_list){domains, 1};
	fixture_write(dir, "aliases", "");
	fixture_write(
	    dir, "senders", "sys@host.example ann@example.org\neve@example.org @x.example\n");
	MUST("", "table build");
	ck_assert_ptr_null(strstr(said, "senders:1:"));
	ck_assert_ptr_nonnull(strstr(said, "senders:2: warning: eve@example.org has no mailbox"));
}
END_TEST

START_TEST(hashes_are_not_everybodys)
{
	char path[256];
	struct stat st;
	set_example();
	snprintf(path, sizeof(path), "%s/users", dir);
	ck_assert_int_eq(chmod(path, 0644), 0);
	MUST("", "user list");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0644); /* looking changes nothing */
	check();
	ck_assert_ptr_nonnull(strstr(said, "warning: everybody can read the password hashes"));
	MUST("", "table build");
	ck_assert_ptr_nonnull(strstr(said, "users: was open to everybody; its mode is now 640"));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(check(), EX_OK);
	ck_assert_str_eq(said, "");
}
END_TEST

static mode_t mode_of(const char *name)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void set_mode(const char *name, mode_t mode)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(logins_are_nobody_elses)
{
	set_example();
	fixture_write(dir, "logins", "smarthost joe hunter2\n");
	set_mode("logins", 0644);
	ck_assert_int_eq(check(), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(said, "logins: others can read the passwords: chmod 600 "));
	ck_assert_uint_eq(mode_of("logins"), 0644); /* looking changes nothing */
	MUST("", "table build");
	ck_assert_ptr_nonnull(strstr(said, "logins: was open to everybody; its mode is now 640"));
	ck_assert_uint_eq(mode_of("logins"), 0640);
	ck_assert_uint_eq(mode_of("logins.db"), 0600);
	ck_assert_uint_eq(mode_of("users.db"), 0640);
	ck_assert_int_eq(check(), EX_OK);
	ck_assert_str_eq(said, "");
	MUST("", "table show logins");
	ck_assert_str_eq(said, "smarthost joe (password)\n");
}
END_TEST

START_TEST(the_way_out_is_shown)
{
	set_example();
	fixture_write(dir, "domains", "example.org\nbackup.example relay\n");
	fixture_write(dir, "routes",
	    "* SMTP:[Mx.example.net]:25\n.a.example hold\nb.example error 5.1.2 no\n");
	fixture_write(dir, "tls",
	    "* verify .example.org mx.example.org\na.example fingerprint "
	    "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f\n");
	MUST("", "table build");
	ck_assert_int_eq(strncmp(said, "2 domains, ", 11), 0);
	ck_assert_ptr_nonnull(strstr(said, " alias, 3 routes\n"));
	MUST("", "table show domains");
	ck_assert_str_eq(said, "backup.example relay\nexample.org\n");
	MUST("", "table show routes");
	ck_assert_str_eq(
	    said, "* smtp:[mx.example.net]\n.a.example hold\nb.example error 5.1.2 no\n");
	MUST("", "table show tls");
	ck_assert_str_eq(said,
	    "* verify .example.org mx.example.org\na.example fingerprint "
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
	MUST("", "domain list");
	ck_assert_str_eq(said, "backup.example relay\nexample.org\n");
	MUST("", "domain remove backup.example");
	ck_assert_str_eq(text_of("domains"), "example.org\n");
}
END_TEST

/* What a route or a relay names must be there; what is only passed on has nothing here. */
START_TEST(the_way_out_is_checked)
{
	static struct conf_relay relays[] = {{0}, {0}};
	static struct conf_lmtp lmtp;
	relays[0].name = (char *)(uintptr_t) "provider";
	relays[0].login = (char *)(uintptr_t) "smarthost";
	relays[1].name = (char *)(uintptr_t) "plain";
	lmtp.name = (char *)(uintptr_t) "dovecot";
	set_example();
	conf.relays = relays;
	conf.relay_count = 2;
	conf.lmtps = &lmtp;
	conf.lmtp_count = 1;
	fixture_write(dir, "domains", "example.org\nexample.net relay\n");
	fixture_write(dir, "aliases", "@example.net: ann@example.org\n");
	fixture_write(dir, "routes",
	    "a.example relay:provider\nb.example relay:other\nc.example lmtp:dovecot\n"
	    "d.example lmtp:Dovecot\n");
	fixture_write(dir, "logins", "other joe hunter2\n");
	ck_assert_int_eq(run("", "table build"), EX_DATAERR);
	ck_assert_ptr_nonnull(strstr(said, "aliases:1: @example.net is never used, since mail"));
	ck_assert_ptr_nonnull(strstr(
	    said, "routes:2: relay:other: the configuration has no section relay other { ... }"));
	ck_assert_ptr_nonnull(strstr(said,
	    "routes:4: lmtp:Dovecot: the configuration has no section lmtp Dovecot { socket"));
	ck_assert_ptr_nonnull(strstr(said,
	    "logins: has no smarthost, which relay provider in the configuration wants: add a "
	    "line \"smarthost USER PASSWORD\""));
	ck_assert_ptr_null(strstr(said, "hunter2"));
	ck_assert_ptr_null(strstr(said, "routes:1:"));
	ck_assert_ptr_null(strstr(said, "routes:3:"));
	fixture_write(dir, "aliases", "");
	fixture_write(dir, "routes", "a.example relay:provider\n");
	fixture_write(dir, "logins", "smarthost joe hunter2\n");
	MUST("", "table build");
}
END_TEST

START_TEST(links_and_missing_directories)
{
	char path[256];
	set_example();
	snprintf(path, sizeof(path), "%s/users", dir);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	ck_assert_int_eq(run("", "table build"), EX_NOINPUT);
	ck_assert_ptr_nonnull(strstr(said, "symbolic link"));
	ck_assert_ptr_null(strstr(said, "root"));
	conf.tables = (char *)(uintptr_t) "/nonexistent/tables";
	ck_assert_int_eq(run("", "table build"), EX_NOINPUT);
	ck_assert_ptr_nonnull(strstr(said, "make the directory"));
}
END_TEST

/* A file system that is full in the middle of a build. */
START_TEST(a_build_that_cannot_be_written)
{
	struct rlimit limit = {.rlim_cur = 20000, .rlim_max = RLIM_INFINITY};
	struct buf b = BUF_INIT((size_t)1024 * 1024);
	set_example();
	MUST("", "table build");
	for (unsigned i = 0; i < 2000; i++)
		ck_assert(buf_printf(&b, "user%u@example.org:*\n", i));
	ck_assert(buf_append_str(&b, STR("ann@example.org:*\nbob@example.org:*\n")));
	ck_assert(buf_append_u8(&b, '\0'));
	fixture_write(dir, "users", (char *)buf_data(&b));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_ne(run("", "table build"), EX_OK);
	ck_assert_ptr_nonnull(strstr(said, "the old tables stay in use"));
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert(compiled_has(TABLE_USERS, "ann@example.org"));
	ck_assert(!compiled_has(TABLE_USERS, "user1@example.org"));
	ck_assert(!fixture_exists(dir, "users.db.new"));
	MUST("", "table build");
	ck_assert(compiled_has(TABLE_USERS, "user1@example.org"));
	buf_release(&b);
}
END_TEST

/* Two commands at once: one waits, and both changes are there. */
START_TEST(editors_wait_for_each_other)
{
	set_example();
	MUST("", "table build");
	pid_t children[4];
	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		ck_assert_int_ge(children[i], 0);
		if (children[i] != 0)
			continue;
		char address[64];
		snprintf(address, sizeof(address), "u%d@example.org", i);
		char *argv[] = {(char *)(uintptr_t) "user", (char *)(uintptr_t) "add", address,
		    (char *)(uintptr_t) "--hash", (char *)(uintptr_t) "*", NULL};
		_exit(cmd_user(&ctx, 5, argv));
	}
	for (int i = 0; i < 4; i++) {
		int status;
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), 0);
	}
	MUST("", "user list");
	ck_assert_str_eq(said, "ann@example.org\nbob@example.org\nu0@example.org\nu1@example.org\n"
			       "u2@example.org\nu3@example.org\n");
	ck_assert_int_eq(check(), EX_OK);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	TCase *c = tcase_create("all");
	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, from_nothing_to_a_user);
	tcase_add_test(c, comments_order_mode_and_owner_stay);
	tcase_add_loop_test(c, refused_commands_change_nothing, 0, COUNT(refusals));
	tcase_add_test(c, lists);
	tcase_add_test(c, adds_a_domain_that_is_passed_on);
	tcase_add_test(c, faults_keep_the_old_set);
	tcase_add_test(c, check_sees_what_is_wrong_with_compiled_tables);
	tcase_add_test(c, directories_that_others_write_to);
	tcase_add_test(c, a_directory_where_a_table_is_looked_for);
	tcase_add_test(c, senders_who_cannot_log_in);
	tcase_add_test(c, hashes_are_not_everybodys);
	tcase_add_test(c, logins_are_nobody_elses);
	tcase_add_test(c, the_way_out_is_shown);
	tcase_add_test(c, the_way_out_is_checked);
	tcase_add_test(c, links_and_missing_directories);
	tcase_add_test(c, a_build_that_cannot_be_written);
	tcase_add_test(c, editors_wait_for_each_other);
	return unit_run_case("tables", c);
}
