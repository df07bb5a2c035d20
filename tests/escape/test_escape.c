/* SPDX-License-Identifier: ISC
 *
 * The escape kit: each program of the suite, at work in its jail, is made to try what an intruder
 * in it would try (attempts.def). What comes of each attempt must be what its row says, for the
 * suite that root started and for one of an ordinary user. Wants root, for the users and to trace
 * what cannot be traced otherwise.
 */
#include "common/jail.h"
#include "common/mem.h"
#include "tests/unit/unit.h"
#include "tests/escape/attempt.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
	V_session = 1 << SESSION_CHILD,
	NOBODY = 0,
	CONNECTING = V_deliver_remote | V_resolver,
	MAILBOXES = V_deliver_local | V_pop3d_session,
	FILES = V_queue | V_deliver_local | V_pop3d_session | V_session | V_resolver | V_directory,
	THREADED = V_directory | V_queue | V_deliver_local,
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

static const char *victim_name(unsigned victim)
{
	return victim == SESSION_CHILD ? "mailbox session" : jail_name((enum program_id)victim);
}

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

static enum outcome expected(const struct attempt *a, unsigned victim)
{
	unsigned bit = 1U << victim, denied = a->denied;
	if (a->allowed[stage.root] & bit)
		return ALLOWED;
	if (a->fn != try_x32_call)
		denied |= LOOKING_UP;
	return denied & bit ? DENIED : KILLED;
}

/* A fresh victim, stopped. */
static void catch_victim(struct victim *v, struct attempt_world *w)
{
	pid_t pid = stage_victim(&stage, w->victim);
	find_directories(w, pid);
	ck_assert_msg(inject_begin(v, pid), "%s cannot be traced", victim_name(w->victim));
}

static unsigned run_all(struct attempt_world *w)
{
	struct victim v = {.killed = true};
	unsigned wrong = 0;
	bool print = getenv("ESCAPE_PRINT") != NULL;
	for (size_t i = 0; i < ATTEMPTS; i++) {
		if (v.killed)
			catch_victim(&v, w);
		enum outcome got = try_it(&v, w, &attempts[i]),
			     want = expected(&attempts[i], w->victim);
		if (got != want || print) {
			fprintf(stderr, "%s %s: %s: %s instead of %s\n",
			    stage.root ? "as root" : "as an ordinary user", victim_name(w->victim),
			    attempts[i].what, outcome_names[got], outcome_names[want]);
			wrong += got != want;
		}
		if (v.killed)
			stage_forget(&stage, w->victim);
	}
	inject_end(&v);
	return wrong;
}

/* Not pam-check: it is a root that lacks capabilities, and PAM's modules may do what that may. */
START_TEST(escape)
{
	/* Odd loops as root, even ones as an ordinary user; two for each victim. */
	struct attempt_world w = {
	    .stage = &stage, .victim = (unsigned)_i / 2 + 1, .control = getpid()};
	if (w.victim == PROGRAM_pam_check || !stage_has(_i % 2 == 1, w.victim))
		return;
	stage_open(&stage, _i % 2 == 1);
	unsigned wrong = run_all(&w);
	stage_close(&stage);
	ck_assert_msg(
	    wrong == 0, "%s: %u attempts did not end as they should", victim_name(w.victim), wrong);
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
	if (!stage_isolate()) {
		fprintf(stderr, "skipped: wants root, and a mount namespace of its own\n");
		return 77;
	}
	Suite *suite = suite_create("escape");
	TCase *tc = tcase_create("programs");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, escape, 0, 2 * (VICTIMS - 1));
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
