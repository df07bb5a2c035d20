/* SPDX-License-Identifier: ISC
 *
 * Attempts at files: outside, and of others.
 */
#include "tests/escape/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char passwd[] = "/etc/passwd";

static long open_and_close(struct victim *v, int directory, const char *path, int flags)
{
	long fd = INJECT(v, SYS_openat, directory, inject_text(v, path), flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		INJECT(v, SYS_close, fd);
	return fd;
}

long reach(struct victim *v, const struct attempt_world *w, const char *path, int flags)
{
	char climbing[512];
	snprintf(climbing, sizeof(climbing), "../../../../../../../../..%s", path);
	long best = open_and_close(v, AT_FDCWD, path, flags);
	if (best < 0)
		best = open_and_close(v, AT_FDCWD, climbing, flags);
	for (size_t i = 0; i < w->directory_count && best < 0; i++)
		best = open_and_close(v, w->directories[i], climbing, flags);
	return best;
}

long try_read_passwd(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, passwd, O_RDONLY);
}

long try_read_spool(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, w->stage->spool_file, O_RDONLY);
}

long try_read_tables(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, w->stage->table, O_RDONLY);
}

long try_write_tables(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, w->stage->table, O_WRONLY);
}

/* Mailboxes are their root for some, so the name below it is a way, too. */
static long read_mailbox(
    struct victim *v, const struct attempt_world *w, const char *path, const char *below)
{
	long fd = reach(v, w, path, O_RDONLY);
	return fd >= 0 ? fd : open_and_close(v, AT_FDCWD, below, O_RDONLY);
}

long try_read_mailbox(struct victim *v, const struct attempt_world *w)
{
	return read_mailbox(v, w, w->stage->ann, "example.org/ann/new/1.bait");
}

long try_read_other_mailbox(struct victim *v, const struct attempt_world *w)
{
	return read_mailbox(v, w, w->stage->bob, "example.org/bob/new/1.bait");
}

long try_read_kernel(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, "/proc/kallsyms", O_RDONLY);
}

long try_write_own_memory(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, "/proc/self/mem", O_RDWR);
}

static long read_environment(struct victim *v, const struct attempt_world *w, const char *of)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)w->control, of);
	return reach(v, w, path, O_RDONLY);
}

long try_read_process(struct victim *v, const struct attempt_world *w)
{
	return read_environment(v, w, "environ");
}

long try_create_in_tmp(struct victim *v, const struct attempt_world *w)
{
	long fd = reach(v, w, "/tmp/postern-escaped", O_WRONLY | O_CREAT);
	if (fd >= 0)
		unlink("/tmp/postern-escaped");
	return fd;
}

long try_create_shared_memory(struct victim *v, const struct attempt_world *w)
{
	long fd = reach(v, w, "/dev/shm/postern-escaped", O_RDWR | O_CREAT);
	if (fd >= 0)
		unlink("/dev/shm/postern-escaped");
	return fd;
}

long try_openat2(struct victim *v, const struct attempt_world *w)
{
	const struct open_how how = {.flags = O_RDONLY};
	(void)w;
	long fd =
	    INJECT(v, SYS_openat2, AT_FDCWD, inject_text(v, "../../../../../../../etc/passwd"),
		inject_put(v, &how, sizeof(how)), sizeof(how));
	if (fd >= 0)
		INJECT(v, SYS_close, fd);
	return fd;
}

long try_open_by_handle(struct victim *v, const struct attempt_world *w)
{
	char handle[128] = {16};
	(void)w;
	return INJECT(
	    v, SYS_open_by_handle_at, AT_FDCWD, inject_put(v, handle, sizeof(handle)), O_RDONLY);
}

long try_stat(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_newfstatat, AT_FDCWD, inject_text(v, passwd),
	    inject_put(v, &(struct stat){}, sizeof(struct stat)), AT_EMPTY_PATH);
}

long try_list_root(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, "/", O_RDONLY | O_DIRECTORY);
}

long try_mkdir(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long rc = INJECT(v, SYS_mkdirat, AT_FDCWD, inject_text(v, "/tmp/postern-escaped"), 0700);
	if (rc == 0)
		rmdir("/tmp/postern-escaped");
	return rc;
}

/* A second name, in its own place, for a file elsewhere. */
long try_link(struct victim *v, const struct attempt_world *w)
{
	long rc = INJECT(v, SYS_linkat, AT_FDCWD, inject_text(v, passwd), AT_FDCWD,
	    inject_text(v, "escaped"), 0);
	for (size_t i = 0; i < w->directory_count && rc < 0; i++)
		rc = INJECT(v, SYS_linkat, AT_FDCWD, inject_text(v, passwd), w->directories[i],
		    inject_text(v, "escaped"), 0);
	return rc;
}

long try_symlink(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	long rc = INJECT(v, SYS_symlink, inject_text(v, passwd), inject_text(v, "/tmp/escaped"));
	if (rc == 0)
		unlink("/tmp/escaped");
	return rc;
}

long try_chown(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_chown, inject_text(v, "/tmp"), 0, 0);
}

long try_mknod(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_mknodat, AT_FDCWD, inject_text(v, "escaped"), S_IFCHR | 0600, 0x103);
}

long try_mount(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_mount, inject_text(v, "none"), inject_text(v, "/"),
	    inject_text(v, "tmpfs"), 0, 0);
}

long try_new_mount_api(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_fsopen, inject_text(v, "tmpfs"), 0);
}

long try_pivot_root(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_pivot_root, inject_text(v, "."), inject_text(v, "."));
}

long try_chroot(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_chroot, inject_text(v, "."));
}

/* The classical way out: the current directory goes to where the root is not. */
long try_fchdir(struct victim *v, const struct attempt_world *w)
{
	return INJECT(v, SYS_fchdir, w->directory_count > 0 ? w->directories[0] : 0);
}

long try_inotify(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_inotify_init1, IN_CLOEXEC);
}

long try_fanotify(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_fanotify_init, 0, O_RDONLY);
}

long try_name_to_handle(struct victim *v, const struct attempt_world *w)
{
	char handle[128] = {16};
	(void)w;
	return INJECT(v, SYS_name_to_handle_at, AT_FDCWD, inject_text(v, "."),
	    inject_put(v, handle, sizeof(handle)), inject_put(v, handle, sizeof(int)), 0);
}

long try_unmount(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_umount2, inject_text(v, "/run"), MNT_DETACH);
}

/* A copy of a mount, without a name and without what hides it. */
long try_open_tree(struct victim *v, const struct attempt_world *w)
{
	enum { TREE_CLONE = 1 };
	(void)w;
	return INJECT(v, SYS_open_tree, AT_FDCWD, inject_text(v, "/"), TREE_CLONE);
}

long try_move_mount(struct victim *v, const struct attempt_world *w)
{
	(void)w;
	return INJECT(v, SYS_move_mount, -1, inject_text(v, "/"), -1, inject_text(v, "/"), 0);
}

long try_read_password_hashes(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, "/etc/shadow", O_RDONLY);
}

/* What in a home is no mail, and whatever is of another user. */
long try_read_diary(struct victim *v, const struct attempt_world *w)
{
	long fd = reach(v, w, STAGE_HOMES "/una/diary", O_RDONLY);
	return fd >= 0 ? fd : reach(v, w, "/diary", O_RDONLY); /* where that is its root */
}

long try_write_in_home(struct victim *v, const struct attempt_world *w)
{
	long fd = reach(v, w, STAGE_HOMES "/una/.profile", O_WRONLY | O_CREAT);
	if (fd < 0 && w->victim >= STAGE_DELIVERY && w->victim <= STAGE_READER_SESSION)
		/* whose root it is */
		fd = reach(v, w, "/.profile", O_WRONLY | O_CREAT);
	if (fd >= 0)
		unlink(STAGE_HOMES "/una/.profile");
	return fd;
}

long try_read_own_maildir(struct victim *v, const struct attempt_world *w)
{
	long fd = reach(v, w, STAGE_HOMES "/una/Maildir/new/1.bait", O_RDONLY);
	return fd >= 0 ? fd : open_and_close(v, AT_FDCWD, "Maildir/new/1.bait", O_RDONLY);
}

long try_read_maildir_of_another(struct victim *v, const struct attempt_world *w)
{
	long fd = reach(v, w, STAGE_HOMES "/ugo/Maildir/new/1.bait", O_RDONLY);
	return fd >= 0 ? fd : open_and_close(v, AT_FDCWD, "../ugo/Maildir/new/1.bait", O_RDONLY);
}

long try_read_home_of_another(struct victim *v, const struct attempt_world *w)
{
	return reach(v, w, STAGE_HOMES "/ugo/diary", O_RDONLY);
}

/* keys: the descriptors of the one that has the private keys, and its memory. */
static long reach_keys(struct victim *v, const struct attempt_world *w, const char *what, int flags)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s",
	    (int)w->stage->programs[w->victim == PROGRAM_keys ? PROGRAM_smtpd : PROGRAM_keys].pid,
	    what);
	return reach(v, w, path, flags);
}

long try_list_descriptors_of_keys(struct victim *v, const struct attempt_world *w)
{
	return reach_keys(v, w, "fd", O_RDONLY | O_DIRECTORY);
}

long try_open_descriptor_of_keys(struct victim *v, const struct attempt_world *w)
{
	return reach_keys(v, w, "fd/0", O_RDONLY);
}

long try_open_memory_of_keys(struct victim *v, const struct attempt_world *w)
{
	return reach_keys(v, w, "mem", O_RDONLY);
}
