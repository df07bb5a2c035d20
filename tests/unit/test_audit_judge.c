/* SPDX-License-Identifier: ISC
 *
 * Made-up processes: one that is as declared yields nothing, and each thing too many yields one
 * finding, which says what it is.
 */
#include "control/audit-judge.h"
#include "common/buf.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/paths.h"
#include "tests/unit/unit.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { FDS = 16, UID = 4242, GID = 4343 };

static const char plain[] = "hostname = \"mx.example\"\npostmaster = \"p@mx.example\"\n"
			    "spool = \"/spool\"\nrun = \"/run/x\"\ntables = \"/tables\"\n"
			    "mailboxes = \"/mail/%d/%n\"\nworkers = 2\n"
			    "auth { state = \"/state\" }\n"
			    "listen smtp { address = \"127.0.0.1:2525\" }\n"
			    "listen pop3 { address = \"127.0.0.1:2110\" }\n";
static const char with_users[] = "system-users { domains = \"host.example\" }\n"
				 "pop3 { sessions-max = 7 }\n";

static struct conf *conf;
static struct audit_claim claim;
static struct audit_process process;
static struct audit_fd fds[FDS];
static struct audit audit;

static void open_conf(bool users)
{
	struct conf_faults faults = {0};
	struct buf text = BUF_INIT(4096);
	buf_append_str(&text, str_from_cstr(plain));
	if (users)
		buf_append_str(&text, str_from_cstr(with_users));
	conf = conf_parse("/etc/x.conf", (const char *)text.p, buf_len(&text), &faults);
	ck_assert_msg(conf != NULL, "line %u: %s", faults.list[0].line, faults.list[0].text);
	buf_release(&text);
}

/* As the program should be; what a test makes of it comes after. */
static void begin(enum program_id program, bool child, bool users)
{
	open_conf(users);
	claim = program == PROGRAM_NONE ? audit_claim_of_control(conf)
					: audit_claim_of(conf, program, child);
	claim.root = true;
	claim.uid = UID;
	claim.gid = GID;
	process = (struct audit_process){.pid = 7,
	    .status = {.no_new_privs = true, .seccomp = 2, .filters = claim.filters, .threads = 1},
	    .threads_alike = true,
	    .seen = true,
	    .files_max = 100,
	    .root = claim.place_is_root && claim.place != NULL ? claim.place
							       : xstrdup(POSTERN_RUNDIR "/empty"),
	    .fds = fds};
	for (size_t i = 0; i < 4; i++) {
		process.status.uid[i] = UID;
		process.status.gid[i] = GID;
	}
	process.status.caps[CAP_PERMITTED] = process.status.caps[CAP_EFFECTIVE] = claim.caps;
	process.status.caps[CAP_BOUNDING] = claim.bounding;
}

static struct audit_fd *add(enum audit_kind kind, const char *target, bool writable)
{
	struct audit_fd *fd = &fds[process.fd_count];
	*fd = (struct audit_fd){.number = 20 + (int)process.fd_count++,
	    .kind = kind,
	    .target = xstrdup(target),
	    .readable = true,
	    .writable = writable};
	return fd;
}

static struct audit_socket *add_socket(enum audit_family family, unsigned type)
{
	struct audit_fd *fd = add(AUDIT_SOCKET, "socket:[1]", true);
	fd->socket = (struct audit_socket){.family = family, .type = type, .path = STR("")};
	return &fd->socket;
}

static void add_channels(unsigned n)
{
	ck_assert_uint_le(n, FDS);
	while (n-- > 0)
		add_socket(AUDIT_UNIX, SOCK_SEQPACKET);
}

/* The findings, each must have one of the words in turn; none: "". */
static void expect(size_t n, const char *const words[])
{
	struct audit_report *r = audit_add(&audit, "x", 7);
	audit_judge(&claim, &process, r);
	for (size_t i = 0; i < r->excess_count || i < n; i++)
		ck_assert_msg(
		    i < n && i < r->excess_count && strstr(r->excess[i], words[i]) != NULL,
		    "finding %zu is \"%s\", not \"%s\"", i, i < r->excess_count ? r->excess[i] : "",
		    i < n ? words[i] : "");
	ck_assert_uint_eq(audit_excess_count(&audit), n);
	audit_reset(&audit);
	for (size_t i = 0; i < process.fd_count; i++)
		free(process.fds == fds ? fds[i].target : NULL);
	if (process.root != claim.place)
		free(process.root);
	free(claim.place);
	conf_free(conf);
}
#define EXPECT(...)                                                                                \
	do {                                                                                       \
		static const char *const words[] = {__VA_ARGS__};                                  \
		expect(sizeof(words) / sizeof(words[0]), words);                                   \
	} while (0)
#define EXPECT_NOTHING() expect(0, NULL)

/* Every program, and every kind of child, with as much as it may have. */
START_TEST(as_declared)
{
	for (int users = 0; users <= 1; users++)
		for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
			begin(id, false, users);
			EXPECT_NOTHING();
			if (jail_child_calls(id) == 0)
				continue;
			begin(id, true, users);
			EXPECT_NOTHING();
		}
	begin(PROGRAM_NONE, false, false);
	free(process.root);
	process.root = xstrdup("/");
	EXPECT_NOTHING();
}
END_TEST

static struct audit_status *const status = &process.status;

#define SPOIL(name, said, only, ...)                                                               \
	static void name(void)                                                                     \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#include "tests/unit/audit-spoils.def"
#undef SPOIL

enum { BOTH = PROGRAM_NONE, KEYS = PROGRAM_keys };
static const struct {
	void (*spoil)(void);
	const char *said;
	enum program_id only;
} spoils[] = {
#define SPOIL(name, said, only, ...) {name, said, (enum program_id)only},
#include "tests/unit/audit-spoils.def"
#undef SPOIL
};
enum { SPOILS = sizeof(spoils) / sizeof(spoils[0]) };

START_TEST(one_thing_too_many)
{
	static const enum program_id programs[] = {PROGRAM_keys, PROGRAM_smtpd};
	for (size_t i = 0; i < 2; i++) {
		if (spoils[_i].only != PROGRAM_NONE && spoils[_i].only != programs[i])
			continue;
		begin(programs[i], false, false);
		spoils[_i].spoil();
		expect(1, &spoils[_i].said);
	}
}
END_TEST

/* What those may have who have something. */
START_TEST(what_is_allowed)
{
	begin(PROGRAM_smtpd, false, false);
	struct audit_socket *s = add_socket(AUDIT_TCP, SOCK_STREAM);
	s->listening = true;
	s->port = 2525;
	add_socket(AUDIT_TCP, SOCK_STREAM);
	s = add_socket(AUDIT_UNIX, SOCK_SEQPACKET);
	s->listening = true;
	s->path = STR("/run/x/smtpd.sock");
	add_socket(AUDIT_UNIX, SOCK_SEQPACKET)->path = STR("/run/x/smtpd.sock");
	add(AUDIT_FILE, "/spool/large/1", true);
	add(AUDIT_MEMORY, "/memfd:x (deleted)", true);
	add(AUDIT_NULL, "/dev/null", true);
	add(AUDIT_EVENTS, "anon_inode:[eventpoll]", true);
	add(AUDIT_PIPE, "pipe:[3]", false)->pipe = 3;
	add(AUDIT_PIPE, "pipe:[3]", true)->pipe = 3;
	add_channels(claim.channels);
	EXPECT_NOTHING();

	begin(PROGRAM_directory, false, false);
	add(AUDIT_FILE, "/tables/domains.db", false);
	add(AUDIT_FILE, "/state/logins.db", true);
	add(AUDIT_DIRECTORY, "/tables", false);
	EXPECT_NOTHING();

	begin(PROGRAM_deliver_remote, false, false);
	add(AUDIT_FILE, "/spool/large/1", false);
	EXPECT_NOTHING();

	begin(PROGRAM_users, false, true);
	add(AUDIT_FILE, "/etc/passwd", false);
	add(AUDIT_FILE, "/var/lib/sss/mc/passwd", false);
	add(AUDIT_DIRECTORY, "/run", false);
	EXPECT_NOTHING();
}
END_TEST

START_TEST(what_is_not_of_that)
{
	begin(PROGRAM_directory, false, false);
	add(AUDIT_FILE, "/tables/domains.db", true);
	add(AUDIT_FILE, "/tablesx", false);
	add(AUDIT_FILE, "/statex/logins.db", false);
	add(AUDIT_FILE, "/spool/large/1", false);
	EXPECT("descriptor 20", "descriptor 21", "descriptor 22", "descriptor 23");

	begin(PROGRAM_deliver_remote, false, false);
	add(AUDIT_FILE, "/spool/large/1", true);
	add_socket(AUDIT_TCP, SOCK_STREAM)->listening = true;
	EXPECT("/spool/large/1, to read and write", "a TCP socket, listening");

	begin(PROGRAM_users, false, true);
	add(AUDIT_FILE, "/etc/passwd", true);
	add(AUDIT_FILE, "/home/una/diary", false);
	add(AUDIT_FILE, "/var/lib/postern/auth/guesses.db", false);
	add(AUDIT_DIRECTORY, "/", false);
	EXPECT("/etc/passwd, to read and write", "descriptor 21", "descriptor 22", "descriptor 23");
}
END_TEST

/* A child has one filter more than its parent, one channel, and no more than its place. */
START_TEST(children)
{
	begin(PROGRAM_pop3d_session, true, false);
	process.status.filters = 1;
	EXPECT("system calls of its parent: 1 seccomp filters, not 2");

	begin(PROGRAM_deliver_owner, true, true);
	add_channels(2);
	status->caps[CAP_PERMITTED] = UINT64_C(1) << CAP_SETUID;
	add(AUDIT_PIPE, "pipe:[3]", true)->pipe = 3;
	EXPECT(
	    "permitted capabilities 80", "pipe:[3], to read and write", "2 channels instead of 1");

	begin(PROGRAM_deliver_owner, true, true);
	add_socket(AUDIT_TCP, SOCK_STREAM);
	EXPECT("a TCP socket");

	/* Any user, but with no other privileges than its parent's. */
	begin(PROGRAM_pam_check, true, true);
	status->uid[0] = status->uid[1] = 33;
	status->group_count = 3;
	status->threads = 9;
	EXPECT_NOTHING();
	begin(PROGRAM_pam_check, true, true);
	status->no_new_privs = false;
	status->caps[CAP_PERMITTED] |= 1 << CAP_KILL;
	EXPECT("permitted capabilities 20", "it could gain privileges");
}
END_TEST

/* As many as there may be users' processes, and not one more. */
START_TEST(channels_to_users_processes)
{
	static const struct {
		enum program_id program;
		unsigned more;
	} rows[] = {{PROGRAM_deliver_local, OWNER_DELIVERIES_MAX}, {PROGRAM_pop3d_session, 7},
	    {PROGRAM_deliver_owner, 2}, {PROGRAM_pop3d_owner, 2}, {PROGRAM_queue, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(rows[i].program, false, true);
		unsigned base = claim.channels - rows[i].more;
		ck_assert_uint_le(base, 12);
		struct audit_fd *many = xcalloc(claim.channels + 1, sizeof(*many));
		for (size_t k = 0; k <= claim.channels; k++)
			many[k] = (struct audit_fd){.kind = AUDIT_SOCKET,
			    .socket = {
				.family = AUDIT_UNIX, .type = SOCK_SEQPACKET, .path = STR("")}};
		process.fds = many;
		process.fd_count = claim.channels;
		struct audit_report *r = audit_add(&audit, "x", 7);
		audit_judge(&claim, &process, r);
		ck_assert_uint_eq(r->excess_count, 0);
		process.fd_count++;
		audit_reset(&audit);
		EXPECT("channels instead of");
		free(many);
	}
	begin(PROGRAM_deliver_local, false, false);
	ck_assert_uint_le(claim.channels, 3);
	EXPECT_NOTHING();
}
END_TEST

/* Of an ordinary user's suite: his groups, his root and his bounding set are what they are. */
START_TEST(ordinary_user)
{
	begin(PROGRAM_smtpd, false, false);
	claim.root = false;
	status->group_count = 5;
	status->caps[CAP_BOUNDING] = UINT64_MAX;
	other_root();
	EXPECT_NOTHING();
	begin(PROGRAM_smtpd, false, false);
	claim.root = false;
	other_root();
	permitted();
	dumpable();
	EXPECT("permitted capabilities 400", "it can be dumped");
}
END_TEST

/* What could not be looked at is not said to be right. */
START_TEST(unseen)
{
	begin(PROGRAM_smtpd, false, false);
	process.seen = false;
	file();
	struct audit_report *r = audit_add(&audit, "x", 7);
	audit_judge(&claim, &process, r);
	ck_assert(r->unseen && r->excess_count == 0 && !audit_is_complete(&audit));
	audit_reset(&audit);
	EXPECT_NOTHING();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("audit-judge");
	tcase_add_test(tc, as_declared);
	tcase_add_loop_test(tc, one_thing_too_many, 0, SPOILS);
	tcase_add_test(tc, what_is_allowed);
	tcase_add_test(tc, what_is_not_of_that);
	tcase_add_test(tc, children);
	tcase_add_test(tc, channels_to_users_processes);
	tcase_add_test(tc, ordinary_user);
	tcase_add_test(tc, unseen);
	return unit_run_case("audit-judge", tc);
}
