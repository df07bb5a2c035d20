/* SPDX-License-Identifier: ISC
 *
 * Attempts at other programs, at code of one's own, at privilege and at the kernel.
 */
#include "tests/escape/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long each_of(struct victim *v, const struct attempt_world *w, sibling_fn *fn, unsigned but)
{
	long best = fn(v, w->control);
	for (unsigned id = PROGRAM_NONE + 1; id < PROGRAM_COUNT && best < 0; id++)
		if (id != w->victim && id != but && w->stage->programs[id].pid > 0)
			best = fn(v, w->stage->programs[id].pid);
	return best;
}

long each_sibling(struct victim *v, const struct attempt_world *w, sibling_fn *fn)
{
	return each_of(v, w, fn, PROGRAM_NONE);
}

/* The process of a login has the same user, capabilities and Landlock domain as pam-check, which
 * made it: so it may signal that and slow it down, which costs logins and nothing else
 * (try_signal_parent). Whom they may not reach are all others. */
static long each_stranger(struct victim *v, const struct attempt_world *w, sibling_fn *fn)
{
	return each_of(v, w, fn, w->victim == STAGE_LOGIN ? PROGRAM_pam_check : PROGRAM_NONE);
}

/* ---- starting programs -------------------------------------------------------- */

long try_execve(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_execve, inject_text(v, "/bin/true"), 0, 0);
}

long try_execute_memory(struct victim *v, const struct attempt_world *w)
{
	static const char script[] = "#!/bin/true\n";
	(void)w;
	long fd = INJECT(v, SYS_memfd_create, inject_text(v, "x"), 0);
	if (fd < 0)
		return fd;
	INJECT(v, SYS_write, fd, inject_text(v, script), sizeof(script) - 1);
	return INJECT(v, SYS_execveat, fd, inject_text(v, ""), 0, 0, AT_EMPTY_PATH);
}

long try_fork(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

long try_fork_by_its_old_call(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_fork, 0);
}

long try_vfork(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_vfork, 0);
}

/* Without a file of its own, which not all can make. */
long try_execveat(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_execveat, AT_FDCWD, inject_text(v, "/bin/true"), 0, 0, 0);
}

long try_new_user_namespace(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_clone, SIGCHLD | CLONE_NEWUSER, 0, 0, 0, 0);
}

long try_clone3(struct victim *v, const struct attempt_world *w)
{
	const struct clone_args args = {.exit_signal = SIGCHLD};
	(void)w;
	return INJECT(v, SYS_clone3, inject_put(v, &args, sizeof(args)), sizeof(args));
}

long try_unshare(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_unshare, CLONE_NEWUSER);
}

long try_setns(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_setns, 0, 0);
}

/* ---- code ----------------------------------------------------------------------- */

long try_executable_memory(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

long try_make_executable(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_mprotect, v->scratch, 4096, PROT_READ | PROT_EXEC);
}

long try_execute_by_key(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_pkey_mprotect, v->scratch, 4096, PROT_READ | PROT_EXEC, -1);
}

long try_map_code(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long fd = INJECT(v, SYS_memfd_create, inject_text(v, "x"), 0);
	return fd < 0 ? fd
		      : INJECT(v, SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
}

/* Whatever is read is executable then. */
long try_personality(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_personality, READ_IMPLIES_EXEC);
}

/* ---- others ----------------------------------------------------------------------- */

static long signal_it(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_kill, pid, 0);
}

long try_kill(struct victim *v, const struct attempt_world *w)
{
	return each_stranger(v, w, signal_it);
}

/* Of a program: control. */
static pid_t parent_of(pid_t pid)
{
	char path[64], line[128];
	long parent = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && parent == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "PPid:", 5) == 0)
			parent = strtol(line + 5, NULL, 10);
	if (f != NULL)
		fclose(f);
	return (pid_t)parent;
}

long try_signal_parent(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return signal_it(v, parent_of(v->pid));
}

/* Where passwords of other logins are. */
long try_open_memory_of_parent(struct victim *v, const struct attempt_world *w)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)parent_of(v->pid));
	return reach(v, w, path, O_RDONLY);
}

static long signal_thread(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_tgkill, pid, pid, 0);
}

long try_tgkill(struct victim *v, const struct attempt_world *w)
{
	return each_stranger(v, w, signal_thread);
}

static long open_process(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_pidfd_open, pid, 0);
}

long try_pidfd(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, open_process);
}

static long queue_signal(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_rt_sigqueueinfo, pid, 0,
	    inject_put(v, &(siginfo_t){.si_code = SI_QUEUE}, sizeof(siginfo_t)));
}

long try_queue_signal(struct victim *v, const struct attempt_world *w)
{
	return each_stranger(v, w, queue_signal);
}

long try_signal_by_pidfd(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_pidfd_send_signal, 0, 0, 0, 0);
}

/* Whoever can open a process still may not take what it has open. */
static long take_descriptor(struct victim *v, pid_t pid)
{
	long fd = INJECT(v, SYS_pidfd_open, pid, 0);
	return fd < 0 ? fd : INJECT(v, SYS_pidfd_getfd, fd, 3, 0);
}

long try_take_descriptor(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, take_descriptor);
}

/* The call itself, for those who may not open a process. */
long try_take_descriptor_blindly(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_pidfd_getfd, 0, 3, 0);
}

/* The kernel sends a signal of one's choice to whom a descriptor is said to belong. */
static long own_descriptor(struct victim *v, pid_t pid)
{
	long rc = INJECT(v, SYS_fcntl, 3, F_SETOWN, pid);
	return rc < 0 ? rc : INJECT(v, SYS_fcntl, 3, F_SETSIG, SIGKILL);
}

long try_signal_by_descriptor(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, own_descriptor);
}

static long trace(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_ptrace, PTRACE_SEIZE, pid, 0, 0);
}

long try_ptrace(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, trace);
}

static long read_memory(struct victim *v, pid_t pid)
{
	const struct iovec here = {(void *)v->scratch, 16}, there = {(void *)0x400000, 16};
	return INJECT(v, SYS_process_vm_readv, pid, inject_put(v, &here, sizeof(here)), 1,
	    inject_put(v, &there, sizeof(there)), 1, 0);
}

long try_read_memory(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, read_memory);
}

static long write_memory(struct victim *v, pid_t pid)
{
	const struct iovec here = {(void *)v->scratch, 16}, there = {(void *)0x400000, 16};
	return INJECT(v, SYS_process_vm_writev, pid, inject_put(v, &here, sizeof(here)), 1,
	    inject_put(v, &there, sizeof(there)), 1, 0);
}

long try_write_memory(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, write_memory);
}

static long compare_it(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_kcmp, pid, getpid(), 0, 0, 0);
}

long try_compare_others(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, compare_it);
}

static long move_pages_of(struct victim *v, pid_t pid)
{
	const long page = 0x400000;
	return INJECT(v, SYS_move_pages, pid, 1, inject_put(v, &page, sizeof(page)), 0,
	    inject_put(v, &(int){0}, sizeof(int)), 0);
}

long try_pages_of_others(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, move_pages_of);
}

static long schedule_it(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_sched_setscheduler, pid, SCHED_IDLE,
	    inject_put(v, &(struct sched_param){.sched_priority = 0}, sizeof(struct sched_param)));
}

long try_schedule_others(struct victim *v, const struct attempt_world *w)
{
	return each_stranger(v, w, schedule_it);
}

static long limit_it(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_prlimit64, pid, RLIMIT_NOFILE, 0,
	    inject_put(v, &(struct rlimit){}, sizeof(struct rlimit)));
}

long try_limits_of_others(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, limit_it);
}

static long slow_down(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_setpriority, PRIO_PROCESS, pid, 19);
}

long try_priority_of_others(struct victim *v, const struct attempt_world *w)
{
	return each_stranger(v, w, slow_down);
}

static long pin(struct victim *v, pid_t pid)
{
	const unsigned long one = 1;
	return INJECT(v, SYS_sched_setaffinity, pid, sizeof(one), inject_put(v, &one, sizeof(one)));
}

long try_affinity_of_others(struct victim *v, const struct attempt_world *w)
{
	return each_stranger(v, w, pin);
}

/* ---- counters that workers share -------------------------------------------------- */

/* Where a victim has mapped a page of them that it can only read; 0: it has none. */
static unsigned long find_counters(pid_t pid)
{
	char path[64], line[256];
	unsigned long at = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && at == 0 && fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, "/memfd:postern-admission") != NULL &&
		    strstr(line, " r--s ") != NULL)
			at = strtoul(line, NULL, 16);
	if (f != NULL)
		fclose(f);
	return at;
}

/* Those who count clients together must have such a page, or these try nothing. */
static bool lacks_counters(const struct attempt_world *w, unsigned long at)
{
	return at == 0 && (w->victim == PROGRAM_smtpd || w->victim == PROGRAM_pop3d);
}

long try_write_counters_of_others(struct victim *v, const struct attempt_world *w)
{
	unsigned long at = find_counters(v->pid);
	if (lacks_counters(w, at))
		return 0;
	return INJECT(v, SYS_mprotect, at, 4096, PROT_READ | PROT_WRITE);
}

/* The descriptors that they came by are closed; if one were left, it would be for reading. */
long try_map_counters_of_others(struct victim *v, const struct attempt_world *w)
{
	long best = -EBADF;
	if (lacks_counters(w, find_counters(v->pid)))
		return 0;
	for (int fd = 5; fd < 32 && best < 0; fd++) {
		char path[64], name[64];
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)v->pid, fd);
		ssize_t n = readlink(path, name, sizeof(name) - 1);
		name[n < 0 ? 0 : n] = '\0';
		if (strncmp(name, "/memfd:postern-admission", 24) == 0)
			best =
			    INJECT(v, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	return best;
}
