/* SPDX-License-Identifier: ISC
 *
 * Asked as the user concerned, in a process of its own, so that groups, lists of access and a
 * file system that is read-only count as they will.
 */
#include "control/check-mailboxes.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the child: 0, or an errno as far as it fits. */
enum { UNKNOWN = 255 };

static bool become(const struct passwd *pw)
{
	return pw == NULL ||
	       (setgroups(0, NULL) == 0 && setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == 0 &&
		   setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == 0);
}

static _Noreturn void ask(int dir, const struct passwd *pw)
{
	if (!become(pw))
		_exit(UNKNOWN);
	_exit(faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno & UNKNOWN);
}

/* Why nothing can be made in the directory, an errno; 0: nothing is known against it. The
 * program that writes there has it open, or as its root, so what lies above does not matter. */
static int refusal(const char *path, const struct passwd *pw)
{
	int status, dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno;
	pid_t pid = fork();
	if (pid == 0)
		ask(dir, pw);
	close(dir);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 0;
	return WEXITSTATUS(status) == UNKNOWN ? 0 : WEXITSTATUS(status);
}

/* Cuts the last component off; false: there is none left to cut. */
static bool to_parent(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == NULL || strcmp(path, "/") == 0)
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* Those that are missing are made by who starts the suite: the caller, or root. */
static int refusal_to_make(const char *path)
{
	char *part = xstrdup(path);
	int error = ENOENT;
	while (error == ENOENT && to_parent(part))
		error = refusal(part, NULL);
	free(part);
	return error;
}

bool check_mailboxes(const char *root, const char *user, const char *conf_path, FILE *out)
{
	const struct passwd *pw = geteuid() == 0 ? getpwnam(user) : NULL;
	if (geteuid() == 0 && pw == NULL)
		return true;
	int error = refusal(root, pw);
	bool missing = error == ENOENT;
	if (missing)
		error = refusal_to_make(root);
	if (error == 0)
		return true;
	const char *who = pw != NULL ? user : "you";
	fprintf(out, "%s: warning: the mailboxes' directory %s cannot be %s%s: %s; ", conf_path,
	    root, missing ? "made by " : "written to by ", missing && pw != NULL ? "root" : who,
	    strerror(error));
	if (pw != NULL && !missing && error != ENOTDIR)
		fprintf(out, "write  chown %s %s  or change \"mailboxes\"\n", user, root);
	else
		fprintf(out, "make one that can, or change \"mailboxes\"\n");
	return false;
}
