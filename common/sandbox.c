/* SPDX-License-Identifier: ISC */
#include "common/sandbox-internal.h"
#include "common/capability.h"
#include "common/log.h"
#include "common/mem.h"

#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_access access)
{
	if (s->path_count == SANDBOX_PATHS_MAX)
		log_fatal(EX_SOFTWARE, "the jail has too many paths");
	s->paths[s->path_count].path = xstrdup(path);
	s->paths[s->path_count++].access = access;
}

void sandbox_allow_if_there(struct sandbox *s, const char *path, enum sandbox_access access)
{
	sandbox_allow(s, path, access);
	s->paths[s->path_count - 1].if_there = true;
}

void sandbox_allow_port(struct sandbox *s, uint16_t port)
{
	for (size_t i = 0; i < s->port_count; i++)
		if (s->ports[i] == port)
			return;
	if (s->port_count == SANDBOX_PORTS_MAX)
		log_fatal(EX_CONFIG, "more than %d different ports", SANDBOX_PORTS_MAX);
	s->ports[s->port_count++] = port;
}

static void no_new_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_fatal(EX_OSERR, "new privileges cannot be ruled out: %m");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		log_fatal(EX_OSERR, "dumps cannot be forbidden: %m");
}

static void check_root(void)
{
	if (geteuid() != 0)
		log_fatal(EX_NOPERM, "mail for users of this machine needs a start as root: start the "
				     "suite as root, or take the section system-users away");
}

void sandbox_enter_as_root(const struct sandbox *s, uint64_t kept)
{
	check_root();
	int ruleset = s->calls & SANDBOX_ANY ? sandbox_landlock_prepare_signals()
					     : sandbox_landlock_prepare(s);
	sandbox_limit(s);
	if (setgroups(0, NULL) < 0)
		log_fatal(EX_OSERR, "the groups cannot be given up: %m");
	capability_keep(kept);
	no_new_privileges();
	if (ruleset >= 0)
		sandbox_landlock_enforce(ruleset);
	sandbox_filter(s->calls);
}

/* Tries what no program may do once it is confined. */
static void self_test(bool confined)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	close(fd);
	if (confined)
		log_fatal(EX_SOFTWARE, "the jail leaks: /etc/passwd can be opened");
	log_message(LOG_WARNING, "this kernel has no Landlock: only system calls are confined");
}

void sandbox_enter(const struct sandbox *s, const char *user)
{
	struct sandbox_identity who = sandbox_find_user(user);
	int ruleset = sandbox_landlock_prepare(s);
	sandbox_limit(s);
	sandbox_become(&who, s->outside ? "/" : s->root);
	no_new_privileges();
	if (ruleset >= 0)
		sandbox_landlock_enforce(ruleset);
	if (!s->outside)
		self_test(ruleset >= 0 || who.change);
	sandbox_filter(s->calls);
}

void sandbox_narrow(const struct sandbox *s)
{
	int ruleset = sandbox_landlock_prepare(s);
	if (ruleset >= 0)
		sandbox_landlock_enforce(ruleset);
	sandbox_filter(s->calls);
}
