/* SPDX-License-Identifier: ISC
 *
 * `postern audit`: what every process of the running suite has, as the kernel says it, against what
 * it declares. Nothing is asked of the processes themselves.
 */
#include "common/system-user.h"
#include "common/buf.h"
#include "control/anchor-place.h"
#include "control/audit-judge.h"
#include "control/command.h"
#include "control/run-dir.h"
#include "control/wiring.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { NAP_MS = 50, PATIENCE_MS = 2000, PLACE_TEXT_MAX = 8 * 1024 };

struct auditing {
	const struct conf *conf;
	const char *conf_path;
	unsigned naps;
	struct audit_status control;
	unsigned running[PROGRAM_COUNT];
	struct audit *audit;
};

/* Programs that root started have their own users, others control's. */
static void set_user(const struct auditing *a, struct audit_claim *claim)
{
	const struct passwd *pw = NULL;
	claim->root = a->control.uid[1] == 0;
	claim->uid = a->control.uid[1];
	claim->gid = a->control.gid[1];
	if (claim->root && claim->program != PROGRAM_NONE)
		pw = getpwnam(jail_user(claim->program));
	if (pw != NULL) {
		claim->uid = pw->pw_uid;
		claim->gid = pw->pw_gid;
	}
}

/* As the kernel calls it, whatever links are in the given path; NULL: there is none. */
static char *real_directory(const char *path)
{
	char at[64], name[SYSTEM_USER_HOME_MAX];
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	snprintf(at, sizeof(at), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(at, name, sizeof(name));
	close(fd);
	return n <= 0 || n == sizeof(name) ? NULL : str_dup(str_from(name, (size_t)n));
}

/* A child of a root parent is a user of the machine, at home. */
static void set_owner(
    const struct auditing *a, struct audit_claim *claim, const struct audit_process *p)
{
	struct system_user user;
	if (!claim->child || claim->anybody || jail_capabilities(claim->program) == 0 ||
	    system_user_get(&a->conf->system, p->status.uid[1], &user) != OWNER_OK)
		return;
	claim->uid = user.uid;
	claim->gid = user.gid;
	claim->groups = true;
	free(claim->place);
	claim->place = real_directory(user.home);
}

/* What is in a place that a program has all of. */
static void judge_place(const struct auditing *a, struct audit_report *r)
{
	struct buf why = BUF_INIT(PLACE_TEXT_MAX);
	if (!anchor_place_is_own(a->conf, a->conf_path, &why))
		audit_excess(
		    r, "trust-anchor: %.*s", (int)buf_len(&why), (const char *)buf_data(&why));
	buf_release(&why);
}

static void judge(
    struct auditing *a, struct audit_claim claim, const struct audit_process *p, const char *name)
{
	struct audit_report *r = audit_add(a->audit, name, p->pid);
	set_user(a, &claim);
	set_owner(a, &claim, p);
	audit_judge(&claim, p, r);
	if (claim.program == PROGRAM_resolver)
		judge_place(a, r);
	free(claim.place);
}

static enum program_id program_of(const char *name)
{
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		if (strcmp(jail_name(id), name) == 0)
			return id;
	return PROGRAM_NONE;
}

/* One that has not yet become a user is still what its parent is. */
static bool is_a_child(enum program_id program, const struct audit_process *p)
{
	return jail_capabilities(program) == 0 || p->status.uid[1] != 0;
}

/* False when it has more than it should, and may yet give that up. It may be gone meanwhile. */
static bool look_at_child(struct auditing *a, enum program_id program, pid_t pid)
{
	struct audit_process p;
	char name[64];
	size_t before = audit_excess_count(a->audit);
	bool may_be = jail_child_calls(program) != 0;
	if (!audit_process_read(pid, &p))
		return true;
	snprintf(name, sizeof(name), "child of %s", jail_name(program));
	if (may_be)
		judge(a, audit_claim_of(a->conf, program, is_a_child(program, &p)), &p, name);
	else
		audit_excess(
		    audit_add(a->audit, name, pid), "%s starts no processes", jail_name(program));
	audit_process_reset(&p);
	return !may_be || audit_excess_count(a->audit) == before;
}

static void nap(struct auditing *a)
{
	const struct timespec time = {.tv_nsec = NAP_MS * 1000000L};
	a->naps++;
	nanosleep(&time, NULL);
}

/* What was forked a moment ago still has what it will give up once it has its mailbox, for which it
 * may wait (SESSION_LOCK_MS). So what has too much is looked at again, for so long in all. */
static void audit_child(struct auditing *a, enum program_id program, pid_t pid)
{
	while (!look_at_child(a, program, pid) && a->naps < PATIENCE_MS / NAP_MS) {
		audit_take_back(a->audit);
		nap(a);
	}
}

/* False when it has more than it should. The kernel lists no socket that is not bound yet, so a
 * program, too, may have what is gone, or can be told, a moment later. */
static bool look_at_program(
    struct auditing *a, enum program_id program, const struct audit_process *p)
{
	size_t before = audit_excess_count(a->audit);
	judge(a, audit_claim_of(a->conf, program, false), p, p->name);
	return audit_excess_count(a->audit) == before;
}

static void audit_program(struct auditing *a, pid_t pid)
{
	struct audit_process p;
	if (!audit_process_read(pid, &p))
		return;
	enum program_id program = program_of(p.name);
	if (program == PROGRAM_NONE) {
		audit_excess(audit_add(a->audit, p.name, pid), "it is not a program of the suite");
		audit_process_reset(&p);
		return;
	}
	while (!look_at_program(a, program, &p) && a->naps < PATIENCE_MS / NAP_MS) {
		audit_take_back(a->audit);
		nap(a);
		audit_process_reset(&p);
		if (!audit_process_read(pid, &p))
			return;
	}
	a->running[program]++;
	for (size_t i = 0; i < p.child_count; i++)
		audit_child(a, program, p.children[i]);
	audit_process_reset(&p);
}

static void note_missing(struct auditing *a)
{
	for (enum program_id id = PROGRAM_NONE + 1; id < PROGRAM_COUNT; id++)
		for (unsigned n = a->running[id]; n < wiring_instances(id, wiring_size(a->conf));
		     n++)
			audit_add(a->audit, jail_name(id), 0);
}

static bool audit_suite(struct auditing *a, pid_t owner)
{
	struct audit_process p;
	if (!audit_process_read(owner, &p))
		return false;
	a->control = p.status;
	judge(a, audit_claim_of_control(a->conf), &p, "control");
	for (size_t i = 0; i < p.child_count; i++)
		audit_program(a, p.children[i]);
	note_missing(a);
	audit_process_reset(&p);
	return true;
}

static int status_of(const struct audit *audit)
{
	if (audit_excess_count(audit) > 0)
		return 1;
	if (audit_is_complete(audit))
		return EX_OK;
	fprintf(stderr, "postern: only root sees everything: run this as root\n");
	return EX_NOPERM;
}

int cmd_audit(const struct command_context *ctx, int argc, char **argv)
{
	struct audit audit = {.count = 0};
	struct auditing a = {.conf = ctx->conf, .conf_path = ctx->conf_path, .audit = &audit};
	if (argc > 1) {
		fprintf(stderr, "postern: audit takes no argument \"%s\"\n", argv[1]);
		return EX_USAGE;
	}
	pid_t owner = run_dir_owner(ctx->conf->run);
	if (owner == 0 || !audit_suite(&a, owner)) {
		fprintf(stderr,
		    "postern: the suite is not running (%s): start it with `postern start`\n",
		    ctx->conf->run);
		return EX_UNAVAILABLE;
	}
	if (ctx->json)
		audit_print_json(&audit);
	else
		audit_print(&audit);
	int status = status_of(&audit);
	audit_reset(&audit);
	return status;
}
