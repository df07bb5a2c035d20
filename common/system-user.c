/* SPDX-License-Identifier: ISC
 *
 * Never: take a database that does not answer for one that does not have the user, for that mail
 * would come back. The C library returns 0 where the last one that it asked said so; of a server of
 * LDAP that is away the modules make ENOENT.
 *
 * Root opens no path below a directory that somebody else may write to: setfsuid
 * makes the user of everything that happens in the file system, while the process
 * may still change its root directory; then the rest of root goes, for good.
 */
#include "common/system-user.h"
#include "common/dir.h"
#include "common/log.h"
#include "common/user-name.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { RECORD_MAX = 16 * 1024, WRITABLE_BY_OTHERS = S_IWGRP | S_IWOTH };

bool system_user_may(const struct conf_system *conf, uint32_t uid)
{
	return uid != 0 && uid >= conf->uid_min && uid <= conf->uid_max;
}

enum user_verdict system_user_find(const struct conf_system *conf, struct str name, uint32_t *uid)
{
	char text[USER_NAME_MAX + 1], space[RECORD_MAX];
	struct passwd pw, *found = NULL;
	*uid = 0;
	if (!user_name_is_sane(name))
		return USER_NONE;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	int error = getpwnam_r(text, &pw, space, sizeof(space), &found);
	if (found == NULL)
		return error == 0 ? USER_NONE : USER_FAILED;
	/* Some databases take names for equal that are not. */
	if (!str_eq(str_from_cstr(pw.pw_name), name))
		return USER_NONE;
	if (!system_user_may(conf, pw.pw_uid) || pw.pw_gid == 0)
		return USER_BELOW;
	*uid = pw.pw_uid;
	return USER_FOUND;
}

static bool copy(char *to, size_t size, const char *from)
{
	size_t n = from == NULL ? size : strlen(from);
	if (n >= size)
		return false;
	memcpy(to, from, n + 1);
	return true;
}

enum owner_verdict system_user_get(
    const struct conf_system *conf, uint32_t uid, struct system_user *out)
{
	char space[RECORD_MAX];
	struct passwd pw, *found = NULL;
	if (!system_user_may(conf, uid))
		return OWNER_NOT_ALLOWED;
	int error = getpwuid_r(uid, &pw, space, sizeof(space), &found);
	if (found == NULL)
		return error == 0 ? OWNER_NONE : OWNER_BUSY;
	if (pw.pw_uid != uid || pw.pw_gid == 0)
		return OWNER_NOT_ALLOWED;
	*out = (struct system_user){.uid = pw.pw_uid, .gid = pw.pw_gid};
	if (!copy(out->name, sizeof(out->name), pw.pw_name) ||
	    !copy(out->home, sizeof(out->home), pw.pw_dir))
		return OWNER_NOT_ALLOWED;
	return OWNER_OK;
}

void system_user_warm_up(void)
{
	char space[RECORD_MAX];
	struct passwd pw, *found;
	gid_t groups[SYSTEM_USER_GROUPS_MAX];
	int n = SYSTEM_USER_GROUPS_MAX;
	/* Nobody has this name: every module of the list is asked. */
	getpwnam_r("postern-nobody.such", &pw, space, sizeof(space), &found);
	getgrouplist("postern-nobody.such", 1, groups, &n);
}

/* From here on the file system sees the user, not root. */
static void become_in_files(const struct system_user *user)
{
	gid_t groups[SYSTEM_USER_GROUPS_MAX];
	int n = SYSTEM_USER_GROUPS_MAX;
	if (getgrouplist(user->name, user->gid, groups, &n) < 0)
		n = SYSTEM_USER_GROUPS_MAX; /* the first of them */
	if (setgroups((size_t)n, groups) < 0 || setresgid(user->gid, user->gid, user->gid) < 0)
		log_fatal(EX_OSERR, "the groups cannot be changed: %m");
	setfsuid(user->uid);
	/* It does not say whether it worked; asked again, it says what is. */
	if (setfsuid((uid_t)-1) != (int)user->uid)
		log_fatal(EX_OSERR, "files cannot be used as another user");
}

static bool is_only_theirs(int fd, uid_t uid, enum owner_trouble *trouble, enum owner_trouble owner,
    enum owner_trouble writable)
{
	struct stat st;
	*trouble = owner;
	if (fstat(fd, &st) < 0 || st.st_uid != uid)
		return false;
	*trouble = writable;
	return (st.st_mode & WRITABLE_BY_OTHERS) == 0;
}

static enum owner_trouble why_no_mailbox(void)
{
	switch (errno) {
	case ELOOP:
	case EXDEV:
		return TROUBLE_MAILBOX_LINK;
	case ENOSPC:
	case EDQUOT:
		return TROUBLE_SPACE;
	default:
		return TROUBLE_MAILBOX;
	}
}

static enum owner_trouble check_mailbox(int home, const char *path, uid_t uid)
{
	enum owner_trouble trouble;
	int fd = dir_open_beneath(home, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 && errno == ENOENT)
		fd = dir_make_beneath(home, path);
	if (fd < 0)
		return why_no_mailbox();
	bool ok = is_only_theirs(fd, uid, &trouble, TROUBLE_MAILBOX_OWNER, TROUBLE_MAILBOX_OWNER);
	close(fd);
	return ok ? 0 : trouble;
}

static void give_up_root(const struct system_user *user, int home)
{
	if (fchdir(home) < 0 || chroot(".") < 0 || chdir("/") < 0)
		log_fatal(EX_OSERR, "the home cannot become the root directory: %m");
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		log_fatal(EX_OSERR, "the user cannot be changed: %m");
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0)
		log_fatal(EX_SOFTWARE, "root could be regained");
}

enum owner_trouble system_user_become(
    const struct system_user *user, const struct conf_system *conf, struct system_place *out)
{
	enum owner_trouble trouble;
	const char *mailbox = conf->mailbox + 2; /* behind "~/" */
	become_in_files(user);
	if (user->home[0] != '/' || strspn(user->home, "/") == strlen(user->home))
		return TROUBLE_HOME;
	int home = open(user->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (home < 0)
		return TROUBLE_HOME;
	if (!is_only_theirs(home, user->uid, &trouble, TROUBLE_HOME_OWNER, TROUBLE_HOME_WRITABLE))
		return trouble;
	trouble = check_mailbox(home, mailbox, user->uid);
	if (trouble != 0)
		return trouble;
	give_up_root(user, home);
	*out = (struct system_place){.home = home, .mailbox = mailbox};
	return 0;
}
