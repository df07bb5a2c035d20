/* SPDX-License-Identifier: ISC
 *
 * Attempts at users, groups, capabilities and limits, and at undoing what the jail did.
 */
#include "tests/escape/attempt.h"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

long try_setuid(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_setuid, 0);
}

long try_setresgid(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_setresgid, 0, 0, 0);
}

long try_setgroups(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_setgroups, 0, 0);
}

long try_capset(struct victim *v, const struct attempt_world *w)
{
	const struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {{.effective = ~0U, .permitted = ~0U}};
	(void)w;
	return INJECT(
	    v, SYS_capset, inject_put(v, &head, sizeof(head)), inject_put(v, data, sizeof(data)));
}

long try_dumpable(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

long try_raise_limit(struct victim *v, const struct attempt_world *w)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	(void)w;
	return INJECT(v, SYS_prlimit64, 0, RLIMIT_NOFILE, inject_put(v, &all, sizeof(all)), 0);
}

long try_setresuid(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_setresuid, -1, 0, -1);
}

/* Files would be seen as somebody else. The call gives the one before, so that is looked at. */
long try_setfsuid(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long rc = INJECT(v, SYS_setfsuid, STAGE_UGO);
	if (rc < 0)
		return rc;
	bool is = INJECT(v, SYS_setfsuid, -1) == STAGE_UGO;
	INJECT(v, SYS_setfsuid, rc);
	return is ? 0 : -1;
}

/* A user who has mail, but is not the one that the process is for. */
long try_become_user(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_setresuid, STAGE_UGO, STAGE_UGO, STAGE_UGO);
}

#define PRCTL_ATTEMPT(name, option, value)                                                         \
	long try_##name(struct victim *v, const struct attempt_world *w)                           \
	{                                                                                          \
		(void)w;                                                                           \
		return INJECT(v, SYS_prctl, (option), (value), 0, 0, 0);                           \
	}
PRCTL_ATTEMPT(allow_new_privileges, PR_SET_NO_NEW_PRIVS, 0)
PRCTL_ATTEMPT(drop_filter, PR_SET_SECCOMP, SECCOMP_MODE_DISABLED)
PRCTL_ATTEMPT(keep_capabilities, PR_SET_KEEPCAPS, 1)
PRCTL_ATTEMPT(secure_bits, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
PRCTL_ATTEMPT(allow_tracer, PR_SET_PTRACER, PR_SET_PTRACER_ANY)

/* Its own children would fall to somebody else, who then reaps what he did not start. */
long try_subreaper(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}
