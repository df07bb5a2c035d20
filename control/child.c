/* SPDX-License-Identifier: ISC
 *
 * Between fork and exec only system calls: nothing there may take a lock, allocate
 * or run a handler of ours.
 */
#include "control/child.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { CHANNEL_FD = 3, CONF_FD = 4, FIRST_OTHER_FD = 5, ENVIRONMENT_MAX = 8 };

static const char *const passed_variables[] = {
    "TZ",
#ifdef WITH_SANITIZERS
    "ASAN_OPTIONS",
    "UBSAN_OPTIONS",
#endif
};

int child_raise_fd(int fd)
{
	if (fd < 0)
		return -1;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
	int saved = errno;
	close(fd);
	errno = saved;
	return high;
}

/* "NAME=value" as our own environment has it, or NULL. */
static char *find_variable(const char *name)
{
	size_t n = strlen(name);
	for (char **e = environ; e != NULL && *e != NULL; e++)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e;
	return NULL;
}

static void make_environment(char *out[ENVIRONMENT_MAX])
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C";
	size_t n = 0;
	out[n++] = path;
	out[n++] = lang;
	for (size_t i = 0; i < sizeof(passed_variables) / sizeof(passed_variables[0]); i++) {
		char *v = find_variable(passed_variables[i]);
		if (v != NULL)
			out[n++] = v;
	}
	out[n] = NULL;
}

/* Signals were blocked before the fork, so that no handler of ours runs in the child. */
static void reset_signals(void)
{
	sigset_t none;
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void place_descriptors(const struct child_plan *p)
{
	if (dup2(p->null, STDIN_FILENO) < 0 || dup2(p->null, STDOUT_FILENO) < 0 ||
	    dup2(p->log, STDERR_FILENO) < 0 || dup2(p->channel, CHANNEL_FD) < 0 ||
	    dup2(p->conf, CONF_FD) < 0 || close_range(FIRST_OTHER_FD, ~0U, 0) < 0)
		_exit(EX_OSERR);
}

__attribute__((noreturn)) static void become_program(
    const struct child_plan *p, const char *failure, char *const argv[], char *const env[])
{
	setsid();
	umask(077);
	reset_signals();
	place_descriptors(p);
	execve(p->path, argv, env);
	(void)!write(STDERR_FILENO, failure, strlen(failure));
	_exit(EX_OSFILE);
}

pid_t child_start(const struct child_plan *p)
{
	char *env[ENVIRONMENT_MAX];
	char *argv[] = {(char *)(uintptr_t)p->file, (char *)(uintptr_t)p->conf_path, NULL};
	char failure[512];
	sigset_t all, before;
	make_environment(env);
	snprintf(failure, sizeof(failure),
	    "postern: %.400s cannot be executed: is it installed, and --libexec right?\n", p->path);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid == 0)
		become_program(p, failure, argv, env);
	int saved = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = saved;
	return pid;
}
