/* SPDX-License-Identifier: ISC
 *
 * Every file of /proc is read through the process's directory, which is opened once: what has that
 * number later is another process, and gives ESRCH here.
 */
#include "control/audit-process.h"
#include "common/buf.h"
#include "common/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 * 1024 * 1024, LINK_MAX = 4096 };

static bool read_text(int dir, const char *name, struct buf *out)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	buf_reset(out);
	while (fd >= 0) {
		uint8_t *to = buf_reserve(out, 4096);
		n = to == NULL ? -1 : read(fd, to, 4096);
		if (n <= 0)
			break;
		buf_commit(out, (size_t)n);
	}
	if (fd >= 0)
		close(fd);
	return n == 0;
}

static char *read_link(int dir, const char *name)
{
	char target[LINK_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	return n < 0 ? NULL : str_dup(str_from(target, (size_t)n));
}

static bool each_entry(
    int dir, const char *name, bool (*fn)(void *ctx, int dir, const char *name), void *ctx)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool more = true;
	for (struct dirent *e; more && (e = readdir(d)) != NULL;)
		if (e->d_name[0] != '.' || strspn(e->d_name, ".") != strlen(e->d_name))
			more = fn(ctx, dirfd(d), e->d_name);
	closedir(d);
	return true;
}

/* ---- sockets ------------------------------------------------------------------ */

static const struct table {
	const char *name;
	enum audit_family family;
} tables[] = {{"net/unix", AUDIT_UNIX}, {"net/tcp", AUDIT_TCP}, {"net/tcp6", AUDIT_TCP},
    {"net/udp", AUDIT_UDP}, {"net/udp6", AUDIT_UDP}};

/* The sockets of a process by their numbers: there may be thousands, and more in the kernel's list.
 */
struct by_inode {
	struct audit_fd **list;
	size_t count;
};

static int compare_inodes(const void *a, const void *b)
{
	uint64_t x = (*(struct audit_fd *const *)a)->socket.inode;
	uint64_t y = (*(struct audit_fd *const *)b)->socket.inode;
	return x < y ? -1 : x > y;
}

static struct by_inode sort_sockets(struct audit_process *p)
{
	struct by_inode s = {.list = xcalloc(p->fd_count + 1, sizeof(struct audit_fd *))};
	for (size_t i = 0; i < p->fd_count; i++)
		if (p->fds[i].kind == AUDIT_SOCKET)
			s.list[s.count++] = &p->fds[i];
	qsort(s.list, s.count, sizeof(s.list[0]), compare_inodes);
	return s;
}

/* The same socket may be there more than once. */
static void identify(const struct by_inode *s, const struct audit_socket *found)
{
	struct audit_fd fd = {.socket = *found}, *key = &fd;
	struct audit_fd **at =
	    s->count == 0 ? NULL
			  : bsearch(&key, s->list, s->count, sizeof(s->list[0]), compare_inodes);
	if (at == NULL)
		return;
	while (at > s->list && at[-1]->socket.inode == found->inode)
		at--;
	for (; at < s->list + s->count && (*at)->socket.inode == found->inode; at++) {
		if ((*at)->socket.family != AUDIT_OTHER)
			continue;
		(*at)->socket = *found;
		(*at)->socket.path = str_from_cstr(str_dup(found->path));
	}
}

static void identify_all(const struct by_inode *s, struct str text, enum audit_family family)
{
	while (text.n > 0) {
		struct audit_socket found;
		struct str line = str_take_line(&text);
		bool is_one = family == AUDIT_UNIX ? audit_parse_unix(line, &found)
						   : audit_parse_inet(line, family, &found);
		if (is_one)
			identify(s, &found);
	}
}

static void identify_sockets(struct audit_process *p, int dir)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	struct by_inode s = sort_sockets(p);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (read_text(dir, tables[i].name, &text))
			identify_all(&s, buf_str(&text), tables[i].family);
	free(s.list);
	buf_release(&text);
}

/* ---- descriptors ----------------------------------------------------------------- */

static enum audit_kind kind_of(struct audit_fd *fd, mode_t mode)
{
	struct str target = str_from_cstr(fd->target);
	if (audit_parse_inode(target, STR("socket:["), &fd->socket.inode))
		return AUDIT_SOCKET;
	if (audit_parse_inode(target, STR("pipe:["), &fd->pipe))
		return AUDIT_PIPE;
	if (str_eq(target, STR("/dev/null")))
		return AUDIT_NULL;
	if (str_has_prefix(target, STR("/memfd:")))
		return AUDIT_MEMORY;
	if (str_has_prefix(target, STR("anon_inode:[event")) ||
	    str_eq(target, STR("anon_inode:[timerfd]")) ||
	    str_eq(target, STR("anon_inode:[signalfd]")))
		return AUDIT_EVENTS;
	if (S_ISDIR(mode))
		return AUDIT_DIRECTORY;
	return S_ISREG(mode) ? AUDIT_FILE : AUDIT_STRANGE;
}

/* Into `fd`; false when it was closed meanwhile. */
static bool read_fd(int dir, const char *name, struct audit_fd *fd)
{
	struct stat st;
	struct buf text = BUF_INIT(TEXT_MAX);
	char info[64];
	unsigned flags = 0;
	*fd = (struct audit_fd){
	    .number = (int)strtol(name, NULL, 10), .target = read_link(dir, name)};
	snprintf(info, sizeof(info), "../fdinfo/%s", name);
	bool ok = fd->target != NULL && fstatat(dir, name, &st, 0) == 0 &&
		  read_text(dir, info, &text) && audit_parse_flags(buf_str(&text), &flags);
	buf_release(&text);
	if (!ok) {
		free(fd->target);
		return false;
	}
	fd->socket.family = AUDIT_OTHER;
	fd->kind = kind_of(fd, st.st_mode);
	fd->readable = (flags & O_ACCMODE) != O_WRONLY;
	fd->writable = (flags & O_ACCMODE) != O_RDONLY;
	fd->appending = (flags & O_APPEND) != 0;
	return true;
}

static bool add_fd(void *ctx, int dir, const char *name)
{
	struct audit_process *p = ctx;
	struct audit_fd fd;
	if (!read_fd(dir, name, &fd))
		return true;
	p->fds = xreallocarray(p->fds, p->fd_count + 1, sizeof(*p->fds));
	p->fds[p->fd_count++] = fd;
	return true;
}

/* ---- the rest --------------------------------------------------------------------- */

static bool same_privileges(const struct audit_status *a, const struct audit_status *b)
{
	return memcmp(a->uid, b->uid, sizeof(a->uid)) == 0 &&
	       memcmp(a->gid, b->gid, sizeof(a->gid)) == 0 &&
	       memcmp(a->caps, b->caps, sizeof(a->caps)) == 0 && a->group_count == b->group_count &&
	       a->no_new_privs == b->no_new_privs && a->seccomp == b->seccomp &&
	       a->filters == b->filters;
}

static bool read_status(int dir, const char *name, struct audit_status *out)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	bool ok = read_text(dir, name, &text) && audit_parse_status(buf_str(&text), out);
	buf_release(&text);
	return ok;
}

static void add_children(struct audit_process *p, struct str text)
{
	while (text.n > 0) {
		uint64_t pid;
		struct str word = str_head(text, str_find(text, ' '));
		if (str_parse_u64(word, INT32_MAX, &pid)) {
			p->children =
			    xreallocarray(p->children, p->child_count + 1, sizeof(*p->children));
			p->children[p->child_count++] = (pid_t)pid;
		}
		text = str_skip(text, word.n + 1);
	}
}

static bool read_thread(void *ctx, int dir, const char *name)
{
	struct audit_process *p = ctx;
	struct audit_status status;
	struct buf text = BUF_INIT(TEXT_MAX);
	char path[64];
	snprintf(path, sizeof(path), "%s/status", name);
	if (read_status(dir, path, &status) && !same_privileges(&status, &p->status))
		p->threads_alike = false;
	snprintf(path, sizeof(path), "%s/children", name);
	if (read_text(dir, path, &text))
		add_children(p, buf_str(&text));
	buf_release(&text);
	return true;
}

static void read_limits(int dir, struct audit_process *p)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	p->core_max = p->processes_max = p->files_max = UINT64_MAX;
	if (read_text(dir, "limits", &text)) {
		audit_parse_limit(buf_str(&text), STR("Max core file size"), &p->core_max);
		audit_parse_limit(buf_str(&text), STR("Max processes"), &p->processes_max);
		audit_parse_limit(buf_str(&text), STR("Max open files"), &p->files_max);
	}
	buf_release(&text);
}

static char *read_name(int dir)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	read_text(dir, "cmdline", &text);
	char *name = str_dup(str_head(buf_str(&text), str_find(buf_str(&text), '\0')));
	buf_release(&text);
	return name;
}

static bool count_entry(void *ctx, int dir, const char *name)
{
	struct audit_process *p = ctx;
	(void)dir;
	(void)name;
	return ++p->root_entries < 2;
}

static bool may_write(const struct stat *st, const struct audit_status *who)
{
	if (st->st_uid == who->uid[1])
		return (st->st_mode & S_IWUSR) != 0;
	return (st->st_mode & (st->st_gid == who->gid[1] ? S_IWGRP : S_IWOTH)) != 0;
}

static void read_places(int dir, struct audit_process *p)
{
	struct stat st;
	p->root = read_link(dir, "root");
	p->cwd = read_link(dir, "cwd");
	p->seen = p->root != NULL && p->cwd != NULL && each_entry(dir, "root/", count_entry, p) &&
		  fstatat(dir, "root/", &st, 0) == 0 && each_entry(dir, "fd", add_fd, p);
	p->root_writable = p->seen && may_write(&st, &p->status);
	identify_sockets(p, dir);
}

bool audit_process_read(pid_t pid, struct audit_process *out)
{
	char path[32];
	struct stat st;
	*out = (struct audit_process){.pid = pid, .threads_alike = true};
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	bool there =
	    fstatat(dir, "status", &st, 0) == 0 && read_status(dir, "status", &out->status);
	out->name = read_name(dir);
	if (there) {
		/* The kernel gives the files of what may not be dumped to root, but not its
		 * directory. */
		out->dumpable = out->status.uid[1] != 0 && st.st_uid == out->status.uid[1];
		each_entry(dir, "task", read_thread, out);
		read_limits(dir, out);
		read_places(dir, out);
		there = faccessat(dir, "status", F_OK, 0) == 0;
	}
	close(dir);
	if (!there)
		audit_process_reset(out);
	return there;
}

void audit_process_reset(struct audit_process *p)
{
	for (size_t i = 0; i < p->fd_count; i++) {
		free(p->fds[i].target);
		free((void *)(uintptr_t)p->fds[i].socket.path.p);
	}
	free(p->fds);
	free(p->children);
	free(p->name);
	free(p->root);
	free(p->cwd);
	*p = (struct audit_process){.pid = 0};
}
