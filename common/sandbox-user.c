/* SPDX-License-Identifier: ISC
 *
 * Own user and empty root. Only what was started as root can change either.
 */
#include "common/log.h"
#include "common/paths.h"
#include "common/sandbox-internal.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define EMPTY_ROOT POSTERN_RUNDIR "/empty"

struct sandbox_identity sandbox_find_user(const char *user)
{
	if (geteuid() != 0)
		return (struct sandbox_identity){.change = false};
	errno = 0;
	const struct passwd *pw = getpwnam(user);
	if (pw == NULL)
		log_fatal(EX_NOUSER,
		    "there is no user %s: make the users with systemd-sysusers (conf/postern.sysusers) "
		    "or start the suite as an ordinary user",
		    user);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		log_fatal(EX_CONFIG, "the user %s has uid or gid 0: give it numbers of its own", user);
	return (struct sandbox_identity){.change = true, .uid = pw->pw_uid, .gid = pw->pw_gid};
}

static void change_root(const char *root)
{
	if (root == NULL) {
		root = EMPTY_ROOT;
		if (mkdir(POSTERN_RUNDIR, 0755) < 0 && errno != EEXIST)
			log_fatal(EX_OSERR, "%s cannot be made: %m", POSTERN_RUNDIR);
		if (mkdir(EMPTY_ROOT, 0555) < 0 && errno != EEXIST)
			log_fatal(EX_OSERR, "%s cannot be made: %m", EMPTY_ROOT);
	}
	if (chroot(root) < 0 || chdir("/") < 0)
		log_fatal(EX_OSERR, "%s cannot become the root directory: %m", root);
}

static void drop_bounding_set(void)
{
	for (unsigned long cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL && errno != EPERM)
			log_fatal(EX_OSERR, "capability %lu cannot be dropped: %m", cap);
}

void sandbox_become(const struct sandbox_identity *who, const char *root)
{
	if (!who->change) {
		if (chdir(root == NULL ? "/" : root) < 0)
			log_fatal(EX_OSERR, "%s cannot be entered: %m", root == NULL ? "/" : root);
		return;
	}
	change_root(root);
	drop_bounding_set();
	if (setgroups(0, NULL) < 0 || setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		log_fatal(EX_OSERR, "the user cannot be changed: %m");
	if (setuid(0) == 0)
		log_fatal(EX_SOFTWARE, "root could be regained");
}
