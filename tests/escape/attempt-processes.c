/* SPDX-License-Identifier: ISC
 *
 * Attempts at other programs, at code of one's own, at privilege and at the kernel.
 */
#include "tests/escape/attempt.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

long each_sibling(struct victim *v, const struct attempt_world *w, sibling_fn *fn)
{
	long best = fn(v, w->control);
	for (unsigned id = PROGRAM_NONE + 1; id < PROGRAM_COUNT && best < 0; id++)
		if (id != w->victim && w->stage->programs[id].pid > 0)
			best = fn(v, w->stage->programs[id].pid);
	return best;
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
	return each_sibling(v, w, signal_it);
}

static long signal_thread(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_tgkill, pid, pid, 0);
}

long try_tgkill(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, signal_thread);
}

static long open_process(struct victim *v, pid_t pid)
{
	return INJECT(v, SYS_pidfd_open, pid, 0);
}

long try_pidfd(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, open_process);
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
	return each_sibling(v, w, slow_down);
}

static long pin(struct victim *v, pid_t pid)
{
	const unsigned long one = 1;
	return INJECT(v, SYS_sched_setaffinity, pid, sizeof(one), inject_put(v, &one, sizeof(one)));
}

long try_affinity_of_others(struct victim *v, const struct attempt_world *w)
{
	return each_sibling(v, w, pin);
}

/* ---- privilege ------------------------------------------------------------------------ */

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

/* ---- the kernel ------------------------------------------------------------------------- */

long try_io_uring(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_io_uring_setup, 4,
	    inject_put(v, &(struct io_uring_params){}, sizeof(struct io_uring_params)));
}

long try_bpf(struct victim *v, const struct attempt_world *w)
{
	const union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};
	(void)w;
	return INJECT(v, SYS_bpf, BPF_MAP_CREATE, inject_put(v, &attr, sizeof(attr)), sizeof(attr));
}

long try_userfaultfd(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_userfaultfd, O_CLOEXEC);
}

long try_keyctl(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_keyctl, 0, -3, 1);
}

long try_perf_event(struct victim *v, const struct attempt_world *w)
{
	const struct perf_event_attr attr = {.size = sizeof(attr), .exclude_kernel = 1};
	(void)w;
	return INJECT(v, SYS_perf_event_open, inject_put(v, &attr, sizeof(attr)), 0, -1, -1, 0);
}

long try_shared_memory(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_shmget, IPC_PRIVATE, 4096, 0600);
}

long try_message_queue(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_mq_open, inject_text(v, "escaped"), O_RDWR | O_CREAT, 0600, 0);
}

long try_semaphores(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_semget, IPC_PRIVATE, 1, 0600);
}

long try_load_module(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_finit_module, 0, inject_text(v, ""), 0);
}

/* With the wrong magic: nobody reboots by accident. */
long try_reboot(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_reboot, 0, 0, RB_DISABLE_CAD, 0);
}

long try_sethostname(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_sethostname, inject_text(v, ""), -1);
}

long try_set_clock(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_clock_settime, 0, 0);
}

long try_kernel_log(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_syslog, 10, 0, 0);
}

/* System calls of another architecture have other numbers than the filter knows. */
long try_x32_call(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, 0x40000000L | SYS_getpid, 0);
}
