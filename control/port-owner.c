/* SPDX-License-Identifier: ISC
 *
 * /proc/net/tcp has an inode for every socket, /proc/PID/fd has the inodes of a
 * process's descriptors. Only used to say in a fault what is in the way.
 */
#include "control/port-owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIELD_LOCAL = 1, FIELD_STATE = 3, FIELD_UID = 7, FIELD_INODE = 9 };

#define STATE_LISTEN STR("0A")

/* The n-th field of a line, counted from 0. */
static struct str field(struct str line, size_t n)
{
	for (;;) {
		line = str_trim(line);
		struct str word = str_head(line, str_find(line, ' '));
		if (n-- == 0 || word.n == 0)
			return word;
		line = str_skip(line, word.n);
	}
}

static bool is_port(struct str address, uint16_t port)
{
	char hex[8];
	snprintf(hex, sizeof(hex), "%04X", port);
	return str_caseeq(str_skip(address, str_rfind(address, ':') + 1), str_from_cstr(hex));
}

bool port_owner_parse_line(struct str line, uint16_t port, uint64_t *inode, uint64_t *uid)
{
	return is_port(field(line, FIELD_LOCAL), port) &&
	       str_eq(field(line, FIELD_STATE), STATE_LISTEN) &&
	       str_parse_u64(field(line, FIELD_UID), UINT32_MAX, uid) &&
	       str_parse_u64(field(line, FIELD_INODE), UINT64_MAX, inode);
}

static bool find_socket(const char *path, uint16_t port, uint64_t *inode, uint64_t *uid)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "re");
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = port_owner_parse_line(
		    str_head(str_from_cstr(line), strcspn(line, "\n")), port, inode, uid);
	if (f != NULL)
		fclose(f);
	return found;
}

/* Whether the open directory /proc/PID/fd has the socket. Closes it. */
static bool has_socket(int fds, uint64_t inode)
{
	char want[48], got[48];
	snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)inode);
	DIR *dir = fds < 0 ? NULL : fdopendir(fds);
	bool found = false;
	for (struct dirent *d; dir != NULL && !found && (d = readdir(dir)) != NULL;) {
		ssize_t n = readlinkat(dirfd(dir), d->d_name, got, sizeof(got) - 1);
		got[n > 0 ? n : 0] = '\0';
		found = strcmp(got, want) == 0;
	}
	if (dir != NULL)
		closedir(dir);
	else if (fds >= 0)
		close(fds);
	return found;
}

static bool put_process(struct buf *out, uint64_t pid)
{
	char path[64], name[64] = "";
	snprintf(path, sizeof(path), "/proc/%llu/comm", (unsigned long long)pid);
	FILE *f = fopen(path, "re");
	if (f != NULL && fgets(name, sizeof(name), f) != NULL)
		name[strcspn(name, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
	return buf_printf(out, "%s (process %llu)", name[0] == '\0' ? "a program" : name,
	    (unsigned long long)pid);
}

static bool put_holder(struct buf *out, uint64_t inode)
{
	char path[64];
	bool found = false;
	DIR *proc = opendir("/proc");
	for (struct dirent *d; proc != NULL && !found && (d = readdir(proc)) != NULL;) {
		uint64_t pid;
		if (!str_parse_u64(str_from_cstr(d->d_name), INT32_MAX, &pid))
			continue;
		snprintf(path, sizeof(path), "/proc/%llu/fd", (unsigned long long)pid);
		int fds = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		found = has_socket(fds, inode) && put_process(out, pid);
	}
	if (proc != NULL)
		closedir(proc);
	return found;
}

bool port_owner(uint16_t port, struct buf *out)
{
	uint64_t inode, uid;
	if (!find_socket("/proc/net/tcp", port, &inode, &uid) &&
	    !find_socket("/proc/net/tcp6", port, &inode, &uid))
		return false;
	return put_holder(out, inode) ||
	       buf_printf(out, "a program of user %llu", (unsigned long long)uid);
}
