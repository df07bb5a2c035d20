/* SPDX-License-Identifier: ISC
 *
 * The escape kit: each program of the suite, at work in its jail, is made to try what an intruder
 * in it would try (attempts.def). What comes of each attempt must be what its row says, for the
 * suite that root started and for one of an ordinary user. Wants root, for the users and to trace
 * what cannot be traced otherwise.
 */
#include "tests/unit/unit.h"
#include "tests/escape/attempt.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum outcome {
	ALLOWED,
	DENIED, /* the call fails */
	KILLED, /* the filter ends the program */
	ENDED,	/* it ended in another way, which no row allows */
};
static const char *const outcome_names[] = {"allowed", "denied", "killed", "ended"};

/* The rows' sets of victims. */
enum {
#define PROGRAM(id, file, user, instances) V_##id = 1 << PROGRAM_##id,
#define EDGE(id, client, server)
#include "common/wiring.def"
#undef PROGRAM
#undef EDGE
	V_session = 1 << STAGE_SESSION,
	V_delivery = 1 << STAGE_DELIVERY,
	V_reader = 1 << STAGE_READER,
	V_reader_session = 1 << STAGE_READER_SESSION,
	V_login = 1 << STAGE_LOGIN,
	NOBODY = 0,
	PAM = V_pam_check | V_login,
	OF_USER = V_delivery | V_reader | V_reader_session,
	CONNECTING = V_deliver_remote | V_resolver,
	MAILBOXES = V_deliver_local | V_pop3d_session,
	FILES = V_queue | V_deliver_local | V_pop3d_session | V_session | V_resolver | V_directory |
		OF_USER,
	THREADED = V_directory | V_queue | V_deliver_local | V_delivery,
	RESTRICTING = V_pop3d_session | V_reader,
	/* Their filters let fail what others are killed for: look-ups are not our code. */
	OWNERS = V_deliver_owner | V_pop3d_owner,
	LOOKING_UP = V_users | OWNERS,
	ALL = (1 << VICTIMS) - 2,
};

static const struct attempt {
	const char *what;
	attempt_fn *fn;
	unsigned allowed[2]; /* ordinary user, root */
	unsigned denied;     /* rather than killed */
} attempts[] = {
#define ATTEMPT(name, text, root, ordinary, not_killed)                                            \
	{.what = (text), .fn = try_##name, .allowed = {(ordinary), (root)}, .denied = (not_killed)},
#include "tests/escape/attempts.def"
#undef ATTEMPT
};
enum { ATTEMPTS = sizeof(attempts) / sizeof(attempts[0]) };

static struct stage stage;

static void find_directories(struct attempt_world *w, pid_t pid)
{
	char path[64];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	w->directory_count = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL && w->directory_count < DIRECTORIES_MAX;)
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode) &&
		    e->d_name[0] != '.')
			w->directories[w->directory_count++] = (int)strtol(e->d_name, NULL, 10);
	closedir(d);
}

static enum outcome try_it(struct victim *v, const struct attempt_world *w, const struct attempt *a)
{
	inject_reset(v);
	long rc = a->fn(v, w);
	if (v->killed)
		return v->pid < 0 ? ENDED : KILLED;
	return rc < 0 ? DENIED : ALLOWED;
}

/* Not of this architecture: no filter lets that pass. */
static bool is_foreign(const struct attempt *a)
{
	return a->fn == try_x32_call || a->fn == try_32_bit_call || a->fn == try_32_bit_open;
}

static enum outcome expected(const struct attempt *a, unsigned victim)
{
	unsigned bit = 1U << victim, denied = a->denied;
	if (a->allowed[stage.root] & bit)
		return ALLOWED;
	if (!is_foreign(a))
		denied |= LOOKING_UP | PAM;
	return denied & bit ? DENIED : KILLED;
}

/* A fresh victim, stopped. */
static void catch_victim(struct victim *v, struct attempt_world *w)
{
	pid_t pid = stage_victim(&stage, w->victim);
	find_directories(w, pid);
	ck_assert_msg(inject_begin(v, pid), "%s cannot be traced", stage_victim_name(w->victim));
}

/* Counts what ended otherwise than it should. */
static unsigned judge(const struct attempt *a, enum outcome got, unsigned victim)
{
	enum outcome want = expected(a, victim);
	if (got != want || getenv("ESCAPE_PRINT") != NULL)
		fprintf(stderr, "%s %s: %s: %s instead of %s\n",
		    stage.root ? "as root" : "as an ordinary user", stage_victim_name(victim),
		    a->what, outcome_names[got], outcome_names[want]);
	return got != want;
}

/* What it has done to itself would show in the next attempt. */
static bool is_another_now(const struct attempt *a, unsigned victim)
{
	return a->fn == try_become_user || (1U << victim & PAM);
}

static unsigned run_all(struct attempt_world *w)
{
	struct victim v = {.killed = true};
	unsigned wrong = 0;
	for (size_t i = 0; i < ATTEMPTS; i++) {
		if (v.killed)
			catch_victim(&v, w);
		enum outcome got = try_it(&v, w, &attempts[i]);
		wrong += judge(&attempts[i], got, w->victim);
		if (got == ALLOWED && is_another_now(&attempts[i], w->victim))
			inject_end(&v);
		if (v.killed)
			stage_forget(&stage, w->victim);
	}
	inject_end(&v);
	stage_forget(&stage, w->victim);
	if (w->victim < PROGRAM_COUNT)
		stage_victim(&stage, w->victim); /* the next one may try to reach it */
	return wrong;
}

static unsigned run_suite(bool root, pid_t control)
{
	const char *only = getenv("ESCAPE_ONLY");
	struct attempt_world w = {.stage = &stage, .control = control};
	unsigned wrong = 0;
	stage_open(&stage, root);
	for (w.victim = PROGRAM_NONE + 1; w.victim < VICTIMS; w.victim++)
		if (stage_has(root, w.victim) &&
		    (only == NULL || strcmp(only, stage_victim_name(w.victim)) == 0))
			wrong += run_all(&w);
	stage_close(&stage);
	return wrong;
}

/* Both at a time: most of it is waiting for programs to start. */
START_TEST(escape)
{
	pid_t control = getpid(), other = fork();
	int status;
	ck_assert_int_ge(other, 0);
	if (other == 0)
		_exit(run_suite(false, control) == 0 ? 0 : 1);
	unsigned wrong = run_suite(true, control);
	ck_assert_int_eq(waitpid(other, &status, 0), other);
	ck_assert_msg(wrong == 0, "%u attempts did not end as they should", wrong);
	ck_assert_msg(status == 0, "nor did those of an ordinary user's suite");
}
END_TEST

/* That an attempt is seen to end otherwise where a jail is broken (broken.c), each in the way that
 * the row names; and as it should where it is not. */
static const struct mistake {
	const char *spoil;
	bool root;
	enum program_id victim;
	attempt_fn *fn;
} mistakes[] = {
    /* An empty root keeps out who has no directory of another; so these are who has, or is outside.
     */
    {"landlock", true, PROGRAM_queue, try_read_passwd},
    {"landlock", true, PROGRAM_directory, try_empty},
    {"landlock", true, PROGRAM_directory, try_unlink},
    {"landlock", true, PROGRAM_users, try_connect_abstract},
    {"landlock", true, PROGRAM_deliver_owner, try_connect_abstract},
    {"landlock", true, PROGRAM_resolver, try_connect_tcp},
    {"openat", true, PROGRAM_smtpd, try_read_passwd},
    {"openat", true, PROGRAM_keys, try_read_spool},
    {"openat", false, PROGRAM_pop3d, try_read_tables},
    {"openat", false, PROGRAM_deliver_remote, try_read_passwd},
    {"root", true, PROGRAM_smtpd, try_stat},
    {"root", true, PROGRAM_queue, try_stat},
    {"root", true, PROGRAM_deliver_remote, try_stat},
    {"root", true, PROGRAM_keys, try_stat},
};
enum { MISTAKES = sizeof(mistakes) / sizeof(mistakes[0]) };

static const struct attempt *find_attempt(attempt_fn *fn)
{
	size_t i = 0;
	while (attempts[i].fn != fn)
		i++;
	return &attempts[i];
}

static enum outcome outcome_of(const struct mistake *m, const char *spoil)
{
	struct attempt_world w = {.stage = &stage, .control = getpid(), .victim = m->victim};
	struct victim v;
	stage_open_broken(&stage, m->root, spoil);
	stage_victim(&stage, PROGRAM_queue); /* who makes the spool */
	catch_victim(&v, &w);
	enum outcome got = try_it(&v, &w, find_attempt(m->fn));
	inject_end(&v);
	stage_close(&stage);
	return got;
}

START_TEST(a_broken_jail_is_seen)
{
	const struct mistake *m = &mistakes[_i];
	enum outcome whole = outcome_of(m, ""), broken = outcome_of(m, m->spoil);
	const char *what = find_attempt(m->fn)->what;
	ck_assert_int_eq(whole, expected(find_attempt(m->fn), m->victim));
	ck_assert_msg(broken != whole, "%s of %s is not seen: %s: %s", m->spoil,
	    stage_victim_name(m->victim), what, outcome_names[broken]);
}
END_TEST

/* By their own test, where no empty root hides the files from them. */
START_TEST(without_landlock_they_end)
{
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++) {
		if (!stage_has(false, id))
			continue;
		stage_open_broken(&stage, false, "landlock");
		ck_assert_msg(!stage_starts(&stage, id), "%s starts", stage_victim_name(id));
		stage_close(&stage);
	}
}
END_TEST

/* Of what pam-check has open, PAM's modules get the log alone, and no channel. */
START_TEST(nothing_open_in_a_login)
{
	struct stat log, st;
	char path[64];
	if (!stage_has(true, STAGE_LOGIN))
		return;
	stage_open_broken(&stage, true, NULL); /* the real ones, and none but pam-check */
	pid_t pid = stage_victim(&stage, STAGE_LOGIN);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	ck_assert_int_eq(stat("/dev/null", &log), 0);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		ck_assert_msg(e->d_name[0] == '.' || (fstatat(dirfd(d), e->d_name, &st, 0) == 0 &&
							 st.st_rdev == log.st_rdev),
		    "descriptor %s", e->d_name);
	}
	closedir(d);
	kill(pid, SIGKILL);
	stage_close(&stage);
}
END_TEST

int main(void)
{
#if defined(WITH_SANITIZERS) || !defined(__x86_64__)
	return 77; /* there is no filter in such a build; inject.c knows one machine */
#endif
	/* The same programs from the same sources prove nothing more: see unit.h. */
	if (unit_wants_few_rounds())
		return 77;
	if (!stage_isolate_or_say())
		return 77;
	TCase *tc = tcase_create("programs");
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, escape);
	tcase_add_test(tc, nothing_open_in_a_login);
	tcase_add_loop_test(tc, a_broken_jail_is_seen, 0, MISTAKES);
	tcase_add_test(tc, without_landlock_they_end);
	return unit_run_case("escape", tc);
}
