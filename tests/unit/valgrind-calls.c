/* SPDX-License-Identifier: ISC
 *
 * Preloaded into the unit tests when valgrind runs them: system calls that valgrind 3.19
 * does not know, so that the code behind them is looked at too. openat2 becomes one openat
 * a component, none of which may be a link; seccomp filters are taken and ignored. What the
 * kernel really enforces is tested without valgrind.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

long syscall(long number, ...);

enum { ARGUMENTS = 6 };

/* The components of `path` but the last; returns a descriptor of the directory that holds it. */
static int walk(int dir, const char **path)
{
	int at = openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t n; at >= 0 && (*path)[n = strcspn(*path, "/")] == '/'; *path += n + 1) {
		char name[NAME_MAX + 1] = ".";
		if (n >= sizeof(name) || (n == 2 && strncmp(*path, "..", 2) == 0)) {
			close(at);
			errno = EXDEV;
			return -1;
		}
		if (n > 0) {
			memcpy(name, *path, n);
			name[n] = '\0';
		}
		int next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int error = errno;
		close(at);
		errno = error;
		at = next;
	}
	return at;
}

static long open_beneath(int dir, const char *path, const struct open_how *how)
{
	if (*path == '/' || strcmp(path, "..") == 0) {
		errno = EXDEV;
		return -1;
	}
	int at = walk(dir, &path);
	if (at < 0)
		return -1;
	int fd = openat(
	    at, *path == '\0' ? "." : path, (int)how->flags | O_NOFOLLOW, (mode_t)how->mode);
	int error = errno;
	close(at);
	errno = error;
	return fd;
}

/* Calls that cannot succeed are how libseccomp asks what the kernel has. */
static long filter(long operation, long flags, long arguments)
{
	if (operation == SECCOMP_SET_MODE_STRICT && flags != 0)
		errno = EINVAL;
	else if (operation == SECCOMP_SET_MODE_FILTER && arguments == 0)
		errno = EFAULT;
	else
		return 0;
	return -1;
}

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[ARGUMENTS];
	va_list ap;
	va_start(ap, number);
	for (int i = 0; i < ARGUMENTS; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2)
		return open_beneath((int)a[0], (const char *)a[1], (const struct open_how *)a[2]);
	if (number == SYS_seccomp)
		return filter(a[0], a[1], a[2]);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
