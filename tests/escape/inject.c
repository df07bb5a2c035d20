/* SPDX-License-Identifier: ISC
 *
 * The victim stands still at the end of a system call; the instruction that made it is used
 * again for each call of ours. Children that a call makes are traced from their first
 * instruction, and killed there.
 */
#include "tests/escape/inject.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

enum { SCRATCH = 64 * 1024, SYSCALL_OCTETS = 2 };

static void kill_child_of(const struct victim *v)
{
	unsigned long child;
	int status;
	if (ptrace(PTRACE_GETEVENTMSG, v->pid, NULL, &child) < 0)
		return;
	kill((pid_t)child, SIGKILL);
	while (waitpid((pid_t)child, &status, __WALL) >= 0 && !WIFSIGNALED(status))
		continue;
}

/* The victim has ended: by its filter, or in a way that no call here should end it. */
static void note_end(struct victim *v, int status)
{
	v->killed = true;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		v->pid = -1; /* an end that no row expects */
}

/* Waits for the next stop at a system call; false when there is none any more. */
static bool next_stop(struct victim *v)
{
	for (;;) {
		int status;
		if (ptrace(PTRACE_SYSCALL, v->pid, NULL, NULL) < 0 ||
		    waitpid(v->pid, &status, __WALL) != v->pid) {
			v->killed = true;
			return false;
		}
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			note_end(v, status);
			return false;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return true;
		int event = status >> 16;
		if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		    event == PTRACE_EVENT_CLONE)
			kill_child_of(v);
	}
}

static bool stop(pid_t pid)
{
	int status;
	const unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
				      PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				      PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	return ptrace(PTRACE_SEIZE, pid, NULL, options) == 0 &&
	       ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 &&
	       waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status);
}

static bool get_registers(pid_t pid, struct user_regs_struct *r)
{
	struct iovec iov = {r, sizeof(*r)};
	return ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov) == 0;
}

static bool set_registers(pid_t pid, struct user_regs_struct *r)
{
	struct iovec iov = {r, sizeof(*r)};
	return ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &iov) == 0;
}

/* Lets it run into its next call, which becomes one that every program may make and that does not
 * wait, and out of it. */
static bool find_instruction(struct victim *v)
{
	struct user_regs_struct r;
	if (!next_stop(v) || !get_registers(v->pid, &r))
		return false;
	r.orig_rax = SYS_getpid;
	return set_registers(v->pid, &r) && next_stop(v);
}

bool inject_begin(struct victim *v, pid_t pid)
{
	*v = (struct victim){.pid = pid};
	if (!stop(pid))
		return false;
	if (!find_instruction(v))
		return false;
	long memory = INJECT(
	    v, SYS_mmap, 0, SCRATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	v->scratch = (unsigned long)memory;
	return !v->killed && memory > 0;
}

static long raw_call(struct victim *v, long number, long a, long b, long c, long d, long e, long f)
{
	struct user_regs_struct r;
	if (v->killed || !get_registers(v->pid, &r))
		return -ESRCH;
	r.rip -= SYSCALL_OCTETS;
	r.orig_rax = (unsigned long)-1;
	r.rax = (unsigned long)number;
	r.rdi = (unsigned long)a;
	r.rsi = (unsigned long)b;
	r.rdx = (unsigned long)c;
	r.r10 = (unsigned long)d;
	r.r8 = (unsigned long)e;
	r.r9 = (unsigned long)f;
	if (!set_registers(v->pid, &r) || !next_stop(v) || !next_stop(v) ||
	    !get_registers(v->pid, &r))
		return -ESRCH;
	return (long)r.rax;
}

/* What the filter kills comes out of its call with the number put back, and dies on its way on. */
long inject_call(struct victim *v, long number, long a, long b, long c, long d, long e, long f)
{
	long rc = raw_call(v, number, a, b, c, d, e, f);
	if (rc == number)
		raw_call(v, SYS_getpid, 0, 0, 0, 0, 0, 0);
	return v->killed ? -ESRCH : rc;
}

/* Over the instruction that raw_call goes back to; false: the code cannot be written. */
static bool put_instruction(struct victim *v, uint16_t octets)
{
	struct user_regs_struct r;
	if (v->killed || !get_registers(v->pid, &r))
		return false;
	void *at = (void *)(r.rip - SYSCALL_OCTETS); // NOLINT: an address over there
	errno = 0;
	long word = ptrace(PTRACE_PEEKTEXT, v->pid, at, NULL);
	return errno == 0 && ptrace(PTRACE_POKETEXT, v->pid, at, (word & ~0xffffL) | octets) == 0;
}

long inject_call_32(struct victim *v, long number)
{
	enum { SYSCALL = 0x050f, INT_80 = 0x80cd };
	if (!put_instruction(v, INT_80))
		return -ESRCH;
	long rc = raw_call(v, number, 0, 0, 0, 0, 0, 0);
	put_instruction(v, SYSCALL);
	if (rc == number)
		raw_call(v, SYS_getpid, 0, 0, 0, 0, 0, 0);
	return v->killed ? -ESRCH : rc;
}

static struct iovec remote(long at, size_t n)
{
	return (struct iovec){.iov_base = (void *)at, .iov_len = n};
}

long inject_put(struct victim *v, const void *p, size_t n)
{
	enum { ALIGNMENT = 16 };
	long at = (long)(v->scratch + v->used);
	struct iovec from = {.iov_base = (void *)(unsigned long)p, .iov_len = n},
		     to = remote(at, n);
	if (v->killed || v->used + n > SCRATCH)
		return 0;
	v->used = (v->used + n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	return process_vm_writev(v->pid, &from, 1, &to, 1, 0) == (ssize_t)n ? at : 0;
}

long inject_text(struct victim *v, const char *s)
{
	return inject_put(v, s, strlen(s) + 1);
}

bool inject_get(const struct victim *v, long from, void *to, size_t n)
{
	struct iovec local = {.iov_base = to, .iov_len = n}, far = remote(from, n);
	return !v->killed && process_vm_readv(v->pid, &local, 1, &far, 1, 0) == (ssize_t)n;
}

void inject_reset(struct victim *v)
{
	v->used = 0;
}

void inject_end(struct victim *v)
{
	int status;
	if (v->pid <= 0 || v->killed)
		return;
	kill(v->pid, SIGKILL);
	while (waitpid(v->pid, &status, __WALL) == v->pid && !WIFSIGNALED(status))
		continue;
	v->killed = true;
}
