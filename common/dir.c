/* SPDX-License-Identifier: ISC */
#include "common/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int dir_open_beneath(int dir, const char *path, int flags)
{
	const struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
	long fd;
	/* EAGAIN: something was renamed meanwhile, and the kernel cannot tell whether it matters.
	 */
	do
		fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

/* The component of n octets at `name`, made when it is missing, and opened. */
static int make_one(int dir, const char *name, size_t n, int flags)
{
	char component[NAME_MAX + 1];
	if (n >= sizeof(component)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(component, name, n);
	component[n] = '\0';
	if (mkdirat(dir, component, 0700) < 0 && errno != EEXIST)
		return -1;
	return dir_open_beneath(dir, component, flags | O_DIRECTORY);
}

int dir_make_beneath(int root, const char *path)
{
	/* Those on the way need not be readable, and in a jail are not. */
	int dir = dir_open_beneath(root, ".", (*path == '\0' ? O_RDONLY : O_PATH) | O_DIRECTORY);
	while (dir >= 0 && *path != '\0') {
		size_t n = strcspn(path, "/");
		int below = make_one(dir, path, n, path[n] == '\0' ? O_RDONLY : O_PATH);
		int error = errno;
		close(dir);
		errno = error;
		dir = below;
		path += n + (path[n] == '/');
	}
	return dir;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int dir_each(int dir, dir_entry_fn *fn, void *ctx)
{
	alignas(struct dirent64) static char entries[64 * 1024];
	ssize_t n;
	if (lseek(dir, 0, SEEK_SET) < 0)
		return errno;
	while ((n = getdents64(dir, entries, sizeof(entries))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			at += entry->d_reclen;
			if (!is_dots(entry->d_name) && !fn(ctx, entry->d_name))
				return 0;
		}
	return n < 0 ? errno : 0;
}
