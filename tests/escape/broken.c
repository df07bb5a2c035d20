/* SPDX-License-Identifier: ISC
 *
 * A library that stage.c loads before a program of the suite, as it is shipped, and which breaks
 * its jail in the one way that the environment's SPOIL names: in its own place the C library's (or
 * libseccomp's) function does what a mistake in the sandbox would leave undone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef WITH_SANITIZERS /* whose libraries have such functions of their own */

/* The C library's way to the kernel. */
#define KERNEL(number, ...) real_syscall()((number), __VA_ARGS__)
typedef long syscall_fn(long number, ...);
static syscall_fn *real_syscall(void)
{
	return (syscall_fn *)dlsym(RTLD_NEXT, "syscall");
}

static bool spoils(const char *what)
{
	const char *spoil = getenv("SPOIL");
	return spoil != NULL && strcmp(spoil, what) == 0;
}

static void open_port(int type, bool listening)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || (listening && listen(fd, 1) < 0))
		_exit(100);
}

/* One end of it. */
static void open_pipe(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		_exit(100);
	close(ends[0]);
}

/* Where stray descriptors are closed: what is opened after it is as good as not closed. */
int close_range(unsigned from, unsigned to, int flags)
{
	long rc = KERNEL(SYS_close_range, (long)from, (long)to, flags, 0, 0);
	if (spoils("file"))
		open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	else if (spoils("written"))
		open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	else if (spoils("datagrams"))
		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, (int[2]){0});
	else if (spoils("netlink"))
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	else if (spoils("pipe"))
		open_pipe();
	else if (spoils("directory"))
		open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else if (spoils("udp"))
		open_port(SOCK_DGRAM, false);
	else if (spoils("listener"))
		open_port(SOCK_STREAM, true);
	else if (spoils("channels"))
		for (int i = 0; i < 8; i++)
			socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, (int[2]){0});
	else if (spoils("process"))
		KERNEL(SYS_pidfd_open, getppid(), 0, 0, 0, 0);
	return (int)rc;
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	if (spoils("processes") && resource == RLIMIT_NPROC)
		return 0;
	return (int)KERNEL(SYS_prlimit64, 0, (long)resource, (long)limit, 0, 0);
}

int prctl(int option, ...)
{
	va_list ap;
	unsigned long args[4];
	va_start(ap, option);
	for (size_t i = 0; i < 4; i++)
		args[i] = va_arg(ap, unsigned long);
	va_end(ap);
	if ((spoils("bounding") && option == PR_CAPBSET_DROP) ||
	    (spoils("privileges") && option == PR_SET_NO_NEW_PRIVS))
		return 0;
	if (spoils("dumpable") && option == PR_SET_DUMPABLE)
		args[0] = 1;
	return (int)KERNEL(
	    SYS_prctl, option, (long)args[0], (long)args[1], (long)args[2], (long)args[3]);
}

int chroot(const char *path) // NOLINT: in the place of the real one
{
	if (spoils("root"))
		return 0;
	return (int)KERNEL(SYS_chroot, (long)path, 0, 0, 0, 0);
}

int setgroups(size_t n, const gid_t *groups)
{
	const gid_t one = 7;
	if (spoils("group"))
		return (int)KERNEL(SYS_setgroups, 1, (long)&one, 0, 0, 0);
	return (int)KERNEL(SYS_setgroups, (long)n, (long)groups, 0, 0, 0);
}

int setresgid(gid_t real, gid_t effective, gid_t saved)
{
	if (spoils("saved group"))
		saved = 0;
	return (int)KERNEL(SYS_setresgid, (long)real, (long)effective, (long)saved, 0, 0);
}

/* The capability to become root again is not what it keeps. */
int setresuid(uid_t real, uid_t effective, uid_t saved)
{
	if (spoils("user"))
		real = effective = saved = 1;
	if (spoils("capability"))
		KERNEL(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
	if (spoils("same user"))
		return 0;
	long rc = KERNEL(SYS_setresuid, (long)real, (long)effective, (long)saved, 0, 0);
	if (spoils("capability")) {
		struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
		const struct __user_cap_data_struct data[2] = {
		    {.permitted = 1 << CAP_NET_RAW, .effective = 1 << CAP_NET_RAW}};
		KERNEL(SYS_capset, (long)&head, (long)data, 0, 0, 0);
	}
	return (int)rc;
}

/* What asks whether root could be regained is told that it could not. */
int setuid(uid_t uid)
{
	if (!spoils("same user"))
		return (int)KERNEL(SYS_setuid, (long)uid, 0, 0, 0, 0);
	errno = EPERM;
	return -1;
}

int seccomp_load(const scmp_filter_ctx f)
{
	int (*real)(const scmp_filter_ctx f) = dlsym(RTLD_NEXT, "seccomp_load");
	if (spoils("openat") && seccomp_rule_add((scmp_filter_ctx)(uintptr_t)f, SCMP_ACT_ALLOW,
				    SCMP_SYS(openat), 0) < 0)
		_exit(100);
	return spoils("filter") || spoils("privileges") ? 0 : real(f);
}

long syscall(long number, ...)
{
	va_list ap;
	long args[5];
	va_start(ap, number);
	for (size_t i = 0; i < 5; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	if ((spoils("privileges") /* which it wants ruled out */ || spoils("landlock")) &&
	    number == SYS_landlock_restrict_self)
		return 0;
	return KERNEL(number, args[0], args[1], args[2], args[3], args[4]);
}

#endif
