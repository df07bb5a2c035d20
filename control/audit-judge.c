/* SPDX-License-Identifier: ISC
 *
 * Users, privileges, limits and places; descriptors are in audit-descriptors.c.
 */
#include "common/paths.h"
#include "control/audit-judge.h"
#include "control/audit-internal.h"
#include "common/buf.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#define EMPTY_ROOT POSTERN_RUNDIR "/empty"

static bool is_control(const struct audit_claim *c)
{
	return c->program == PROGRAM_NONE;
}

static void judge_user(
    const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	const struct audit_status *s = &p->status;
	const struct passwd *pw = getpwuid(s->uid[1]);
	audit_fact(r, "user", "%s (%u)", pw == NULL ? "without a name" : pw->pw_name, s->uid[1]);
	const struct group *gr = getgrgid(s->gid[1]);
	audit_fact(r, "group", "%s (%u), %zu others", gr == NULL ? "without a name" : gr->gr_name,
	    s->gid[1], s->group_count);
	for (size_t i = 0; i < 4 && !c->anybody; i++) {
		if (s->uid[i] != c->uid)
			audit_excess(r, "user %u instead of %u", s->uid[i], c->uid);
		if (s->gid[i] != c->gid)
			audit_excess(r, "group %u instead of %u", s->gid[i], c->gid);
	}
	/* An ordinary user cannot leave his groups. */
	if (c->root && !is_control(c) && !c->groups && !c->anybody && s->group_count > 0)
		audit_excess(r, "%zu supplementary groups", s->group_count);
}

static void judge_caps(
    const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	static const char *const names[CAP_SETS] = {
	    "inheritable", "permitted", "effective", "bounding", "ambient"};
	const uint64_t *caps = p->status.caps;
	uint64_t kept = c->root ? c->caps : 0;
	const uint64_t may[CAP_SETS] = {[CAP_PERMITTED] = kept,
	    [CAP_EFFECTIVE] = kept,
	    [CAP_BOUNDING] = c->root ? c->bounding : UINT64_MAX};
	if ((caps[CAP_PERMITTED] | caps[CAP_EFFECTIVE] | caps[CAP_INHERITABLE] |
		caps[CAP_AMBIENT]) == 0)
		audit_fact(r, "capabilities", "none");
	else
		audit_fact(r, "capabilities", "%llx", (unsigned long long)caps[CAP_PERMITTED]);
	for (size_t i = 0; i < CAP_SETS; i++)
		if (caps[i] & ~may[i])
			audit_excess(r, "%s capabilities %llx", names[i],
			    (unsigned long long)(caps[i] & ~may[i]));
}

static void judge_privileges(
    const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	const struct audit_status *s = &p->status;
	audit_fact(r, "no new privs", "%s", s->no_new_privs ? "yes" : "no");
	audit_fact(r, "seccomp", s->seccomp == 2 ? "%u filter(s)" : "none", s->filters);
	if (!s->no_new_privs)
		audit_excess(r, "it could gain privileges: no_new_privs is not set");
	if (c->filters > 0 && s->seccomp != 2)
		audit_excess(r, "any system call: there is no seccomp filter");
	else if (s->filters > 0 && s->filters < c->filters)
		audit_excess(r, "system calls of its parent: %u seccomp filters, not %u",
		    s->filters, c->filters);
	if (!p->threads_alike)
		audit_excess(r, "a thread has other privileges than the first");
	if (p->dumpable && !is_control(c))
		audit_excess(r, "it can be dumped, and traced by others of its user");
}

static void judge_limits(
    const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	bool forks = c->calls & (SANDBOX_FORK | SANDBOX_THREADS | SANDBOX_ANY);
	audit_fact(r, "limits", "%llu descriptors, %s processes, core %s",
	    (unsigned long long)p->files_max, p->processes_max == 0 ? "no" : "more",
	    p->core_max == 0 ? "none" : "allowed");
	audit_fact(r, "threads", "%u", p->status.threads);
	if (is_control(c))
		return;
	if (p->core_max > 0)
		audit_excess(r, "it may leave a core");
	if (!forks && !c->child && p->processes_max > 0)
		audit_excess(r, "it may start processes as far as its limits go");
	if (!(c->calls & (SANDBOX_THREADS | SANDBOX_ANY)) && p->status.threads > 1)
		audit_excess(r, "%u threads", p->status.threads);
}

static void judge_root(
    const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	const char *root = !c->root || is_control(c)		  ? "/"
			   : c->place_is_root && c->place != NULL ? c->place
								  : EMPTY_ROOT;
	bool empty = c->root && !is_control(c) && !(c->place_is_root && c->place != NULL);
	audit_fact(r, "root", "%s%s", p->root, p->root_entries == 0 ? " (empty)" : "");
	if (!str_eq(str_from_cstr(p->root), str_from_cstr(root)))
		audit_excess(r, "the root directory %s instead of %s", p->root, root);
	if (empty && p->root_entries > 0)
		audit_excess(r, "its root directory is not empty");
	if (empty && p->root_writable)
		audit_excess(r, "it may write to its root directory");
}

/* Landlock's rules are not to be had from the kernel, so what they leave is said, and proved by
 * tests. */
static void say_place(const struct audit_claim *c, struct audit_report *r)
{
	if (is_control(c) || (c->calls & SANDBOX_ANY))
		audit_fact(r, "writes", "what its user may");
	else if (jail_of(c->program)->place == PLACE_MACHINE)
		audit_fact(r, "reads", "what look-ups of users need (declared to Landlock)");
	else if (c->place == NULL)
		audit_fact(r, "writes", "nothing, reads nothing (declared to Landlock)");
	else
		audit_fact(r, c->place_writes ? "writes" : "reads", "%s%s (declared to Landlock)",
		    c->child ? "one directory below " : "below ", c->place);
	if (c->reads != NULL)
		audit_fact(r, "reads", "below %s (declared to Landlock)", c->reads);
}

void audit_judge(const struct audit_claim *c, const struct audit_process *p, struct audit_report *r)
{
	judge_user(c, p, r);
	judge_caps(c, p, r);
	judge_privileges(c, p, r);
	judge_limits(c, p, r);
	say_place(c, r);
	r->unseen = !p->seen;
	if (!p->seen)
		return;
	judge_root(c, p, r);
	audit_judge_descriptors(c, p, r);
}
