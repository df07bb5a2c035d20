/* SPDX-License-Identifier: ISC
 *
 * The system calls that each group stands for. What is not listed kills the
 * program: control says so in the log and starts it anew.
 */
#include "common/log.h"
#include "common/sandbox-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>

#ifdef WITH_SANITIZERS
enum { FILTERING = 0 }; /* their run-time libraries use calls that we do not want */
#else
enum { FILTERING = 1 };
#endif

#define CALL(name) SCMP_SYS(name)
#define END        __NR_SCMP_ERROR

static const int base_calls[] = {CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(recvmsg),
    CALL(sendmsg), CALL(recvfrom), CALL(sendto), CALL(recvmmsg), CALL(sendmmsg), CALL(close),
    CALL(shutdown), CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_ctl), CALL(poll), CALL(ppoll),
    CALL(clock_gettime), CALL(clock_nanosleep), CALL(gettimeofday), CALL(time), CALL(getpid),
    CALL(gettid), CALL(getuid), CALL(geteuid), CALL(brk), CALL(munmap), CALL(mremap), CALL(madvise),
    CALL(futex), CALL(rt_sigreturn), CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(exit),
    CALL(exit_group), CALL(getrandom), CALL(fstat), CALL(dup), CALL(dup2),
    CALL(dup3), CALL(lseek),
    CALL(eventfd2), CALL(getsockopt), CALL(getsockname), CALL(getpeername), CALL(restart_syscall),
    CALL(sched_yield), CALL(membarrier), CALL(rseq), CALL(set_robust_list), CALL(pread64), CALL(pwrite64), END};

static const int accept_calls[] = {CALL(accept4), END};

static const int read_calls[] = {CALL(preadv), CALL(getdents64), CALL(newfstatat),
    CALL(stat), CALL(lstat), CALL(statx), CALL(fstatfs), CALL(statfs), CALL(fadvise64), CALL(flock),
    CALL(readlink), CALL(readlinkat), CALL(getcwd), CALL(memfd_create), END};

static const int write_calls[] = {CALL(open), CALL(openat), CALL(openat2), CALL(mkdir), CALL(mkdirat),
    CALL(unlink), CALL(unlinkat), CALL(rename), CALL(renameat), CALL(renameat2), CALL(link),
    CALL(linkat), CALL(rmdir), CALL(ftruncate), CALL(fallocate), CALL(pwritev), CALL(pwritev2),
    CALL(fsync), CALL(fdatasync), CALL(syncfs), CALL(sync_file_range), CALL(fchmod), CALL(utimensat),
    CALL(copy_file_range), END};

static const int thread_calls[] = {CALL(sched_getaffinity), CALL(sched_getparam),
    CALL(sched_getscheduler), CALL(set_tid_address), END};

static const int fork_calls[] = {CALL(fork), CALL(vfork), CALL(wait4), CALL(waitid),
    CALL(close_range), CALL(epoll_create1), CALL(pipe2),
    CALL(set_tid_address), CALL(sigaltstack), CALL(socketpair), END};

static const int connect_calls[] = {CALL(connect), CALL(setsockopt), CALL(bind), END};

static const int restrict_calls[] = {CALL(landlock_create_ruleset), CALL(landlock_add_rule),
    CALL(landlock_restrict_self), CALL(seccomp), CALL(setrlimit), CALL(getrlimit),
    CALL(close_range), END};

static const int setuid_calls[] = {CALL(setuid), CALL(setgid), CALL(setgroups), CALL(setresuid),
    CALL(setresgid), CALL(setfsuid), CALL(kill), CALL(chroot), CALL(chdir), CALL(fchdir), END};

static const int lookup_calls[] = {CALL(connect), CALL(setsockopt), CALL(bind),
    CALL(access), CALL(faccessat), CALL(faccessat2), CALL(uname), CALL(getgid), CALL(getegid),
    CALL(getppid), CALL(epoll_create1), CALL(ftruncate), CALL(timerfd_create),
    CALL(timerfd_settime), CALL(sysinfo), END};

/* What no module of PAM's needs to log somebody in: other processes, file systems, the kernel. */
static const int never_calls[] = {CALL(ptrace), CALL(process_vm_readv), CALL(process_vm_writev),
    CALL(process_madvise), CALL(pidfd_getfd), CALL(kcmp), CALL(move_pages), CALL(migrate_pages),
    CALL(unshare), CALL(setns), CALL(mount), CALL(umount2), CALL(pivot_root), CALL(fsopen),
    CALL(fsconfig), CALL(fsmount), CALL(fspick), CALL(open_tree), CALL(move_mount),
    CALL(mount_setattr), CALL(open_by_handle_at), CALL(fanotify_init), CALL(quotactl),
    CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(io_uring_setup),
    CALL(io_uring_enter), CALL(io_uring_register), CALL(init_module), CALL(finit_module),
    CALL(delete_module), CALL(kexec_load), CALL(kexec_file_load), CALL(reboot), CALL(swapon),
    CALL(swapoff), CALL(acct), CALL(iopl), CALL(ioperm), CALL(modify_ldt), CALL(personality),
    CALL(sethostname), CALL(setdomainname), CALL(settimeofday), CALL(clock_settime),
    CALL(clock_adjtime), CALL(adjtimex), CALL(syslog), END};

static const struct {
	unsigned group;
	const int *calls;
} groups[] = {{SANDBOX_ACCEPT, accept_calls}, {SANDBOX_FILES_READ, read_calls},
    {SANDBOX_FILES_WRITE, write_calls}, {SANDBOX_THREADS, thread_calls},
    {SANDBOX_FORK, fork_calls}, {SANDBOX_CONNECT, connect_calls},
    {SANDBOX_RESTRICT, restrict_calls}, {SANDBOX_SETUID, setuid_calls},
    {SANDBOX_LOOKUPS, lookup_calls}};

static void must(int rc)
{
	if (rc < 0 && rc != -EEXIST) {
		errno = -rc;
		log_fatal(EX_OSERR, "the system call filter cannot be built: %m");
	}
}

static void allow(scmp_filter_ctx f, const int *calls)
{
	for (; *calls != END; calls++)
		must(seccomp_rule_add(f, SCMP_ACT_ALLOW, *calls, 0));
}

/* Memory may be mapped, but never made executable. */
static void allow_memory(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mmap), 1, no_exec));
	must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(mprotect), 1, no_exec));
}

/* What glibc's fstat is, and no more, for programs without files. */
static void allow_fstat(scmp_filter_ctx f)
{
	must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(newfstatat), 1,
	    SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)));
}

/* libconfuse's scanner asks whether the text of a new configuration comes from a terminal. */
static void allow_isatty(scmp_filter_ctx f)
{
	must(seccomp_rule_add(
	    f, SCMP_ACT_ALLOW, CALL(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, TCGETS)));
}

static void allow_reading(scmp_filter_ctx f)
{
	const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
	must(seccomp_rule_add(
	    f, SCMP_ACT_ALLOW, CALL(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)));
	must(seccomp_rule_add(
	    f, SCMP_ACT_ALLOW, CALL(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)));
}

/* Never the commands that have a signal sent to whoever is named (F_SETOWN, F_SETSIG, leases). */
static void allow_fcntl(scmp_filter_ctx f)
{
	static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_GETLK,
	    F_SETLK, F_SETLKW, F_ADD_SEALS, F_GET_SEALS};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)commands[i])));
	must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(fcntl), 2,
	    SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, F_SETFL), SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0)));
}

/* Without namespaces of its own: in a new one it would be root again. */
enum {
	NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
		     CLONE_NEWPID | CLONE_NEWNET,
};

static void allow_fork(scmp_filter_ctx f)
{
	must(seccomp_rule_add(
	    f, SCMP_ACT_ALLOW, CALL(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES, 0)));
}

static void allow_threads(scmp_filter_ctx f)
{
	must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(clone), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NAMESPACES, CLONE_THREAD)));
}

/* Its own limits, nobody else's. */
static void allow_own_limits(scmp_filter_ctx f)
{
	must(seccomp_rule_add(
	    f, SCMP_ACT_ALLOW, CALL(prlimit64), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, 0)));
}

/* What libseccomp asks of prctl, and no more. */
static void allow_restricting(scmp_filter_ctx f)
{
	static const int options[] = {
	    PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_GET_SECCOMP};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(prctl), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)options[i])));
}

/* Sockets of the Internet alone. A Unix socket would reach the operators' sockets of a suite whose
 * programs are all one user; Landlock's rules on ports know TCP, but not MPTCP. */
static void allow_sockets(scmp_filter_ctx f, int type, int protocol)
{
	static const int families[] = {AF_INET, AF_INET6};
	const int protocols[] = {0, protocol};
	const scmp_datum_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
	for (size_t i = 0; i < 4; i++)
		must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socket), 3,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)families[i / 2]),
		    SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX & ~flags, (scmp_datum_t)type),
		    SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)protocols[i % 2])));
}

/* The name service's: of its own daemons, and of servers. */
static void allow_lookup_sockets(scmp_filter_ctx f)
{
	static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
	static const int protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
	for (size_t i = 0; i < 9; i++)
		must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(socket), 2,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)families[i / 3]),
		    SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)protocols[i % 3])));
}

/* Those of client-socket.c; every other one would be a door into the kernel. */
static void allow_client_options(scmp_filter_ctx f)
{
	static const struct {
		int level, name;
	} options[] = {{SOL_SOCKET, SO_KEEPALIVE}, {IPPROTO_TCP, TCP_NODELAY},
	    {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT}};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		must(seccomp_rule_add(f, SCMP_ACT_ALLOW, CALL(setsockopt), 2,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)options[i].level),
		    SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)options[i].name)));
}

static void allow_by_arguments(scmp_filter_ctx f, unsigned calls)
{
	allow_memory(f);
	allow_fcntl(f);
	allow_isatty(f);
	if (!(calls & SANDBOX_FILES_READ))
		allow_fstat(f);
	else if (!(calls & SANDBOX_FILES_WRITE))
		allow_reading(f);
	if (calls & SANDBOX_FORK)
		allow_fork(f);
	else if (calls & SANDBOX_THREADS)
		allow_threads(f);
	if (calls & (SANDBOX_THREADS | SANDBOX_RESTRICT))
		allow_own_limits(f);
	if (calls & SANDBOX_RESTRICT)
		allow_restricting(f);
	if (calls & SANDBOX_ACCEPT)
		allow_client_options(f);
	if (calls & SANDBOX_CONNECT)
		allow_sockets(f, SOCK_STREAM, IPPROTO_TCP);
	if (calls & SANDBOX_DATAGRAMS)
		allow_sockets(f, SOCK_DGRAM, IPPROTO_UDP);
	if (calls & SANDBOX_LOOKUPS)
		allow_lookup_sockets(f);
}

/* A call by another architecture's number ends the program: left alone, it ends one thread. */
static scmp_filter_ctx new_filter(uint32_t otherwise)
{
	scmp_filter_ctx f = seccomp_init(otherwise);
	if (f == NULL)
		log_fatal(EX_OSERR, "the system call filter cannot be built");
	must(seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
	/* Its arguments are out of the filter's sight; glibc falls back to clone. */
	must(seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0));
	return f;
}

static void load(scmp_filter_ctx f)
{
	must(seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	must(seccomp_load(f));
	seccomp_release(f);
}

/* Fails, and does not kill: it is not our code that asks. */
static void filter_never(void)
{
	static const int terminal[] = {TIOCSTI, TIOCLINUX};
	scmp_filter_ctx f = new_filter(SCMP_ACT_ALLOW);
	const uint32_t fail = SCMP_ACT_ERRNO(EPERM);
	for (const int *call = never_calls; *call != END; call++)
		must(seccomp_rule_add(f, fail, *call, 0));
	for (unsigned bit = 0; bit < 32; bit++)
		if (NAMESPACES & UINT32_C(1) << bit)
			must(seccomp_rule_add(f, fail, CALL(clone), 1,
			    SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_C(1) << bit, UINT32_C(1) << bit)));
	must(seccomp_rule_add(f, fail, CALL(prlimit64), 1, SCMP_A0(SCMP_CMP_NE, 0, 0)));
	must(seccomp_rule_add(f, fail, CALL(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0)));
	for (size_t i = 0; i < sizeof(terminal) / sizeof(terminal[0]); i++)
		must(seccomp_rule_add(f, fail, CALL(ioctl), 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, (scmp_datum_t)terminal[i])));
	load(f);
}

static void filter_rest(unsigned calls)
{
	scmp_filter_ctx f = new_filter(
	    calls & SANDBOX_LOOKUPS ? (uint32_t)SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
	allow(f, base_calls);
	allow_by_arguments(f, calls);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (calls & groups[i].group)
			allow(f, groups[i].calls);
	load(f);
}

void sandbox_filter(unsigned calls)
{
	if (!FILTERING)
		return;
	if (calls & SANDBOX_ANY)
		filter_never();
	else
		filter_rest(calls);
}
