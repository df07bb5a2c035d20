/* SPDX-License-Identifier: ISC
 *
 * Before an open mailbox is used again, its path is looked up once more: a
 * mailbox that an administrator has moved away or removed meanwhile must not go
 * on filling unseen.
 */
#include "deliver-local/mailboxes.h"
#include "common/dir.h"
#include "common/hash.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "deliver-local/earlier.h"
#include "deliver-local/tmp-sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIR_FLAGS = O_RDONLY | O_DIRECTORY, MAILBOX_MODE = 0700 };

TAILQ_HEAD(mailbox_list, mailbox);

struct mailboxes {
	int root;
	size_t max;
	struct hash *by_path;
	struct mailbox_list by_use; /* most recently used first */
};

static struct str path_of(const void *entry)
{
	return ((const struct mailbox *)entry)->path;
}

struct mailboxes *mailboxes_new(int root, size_t max)
{
	struct mailboxes *m = xcalloc(1, sizeof(*m));
	*m = (struct mailboxes){.root = root, .max = max, .by_path = hash_new(path_of)};
	TAILQ_INIT(&m->by_use);
	return m;
}

static void close_mailbox(struct mailbox *box)
{
	if (box->tmp >= 0)
		close(box->tmp);
	if (box->new >= 0)
		close(box->new);
	earlier_free(box->earlier);
	free((void *)(uintptr_t)box->path.p);
	free(box);
}

void mailboxes_drop(struct mailboxes *m, struct mailbox *box)
{
	hash_take(m->by_path, box->path);
	TAILQ_REMOVE(&m->by_use, box, uses);
	close_mailbox(box);
}

void mailboxes_free(struct mailboxes *m)
{
	if (m == NULL)
		return;
	while (!TAILQ_EMPTY(&m->by_use))
		mailboxes_drop(m, TAILQ_FIRST(&m->by_use));
	hash_free(m->by_path);
	free(m);
}

static int make_one(int dir, const char *name)
{
	return mkdirat(dir, name, MAILBOX_MODE) < 0 && errno != EEXIST ? -1 : 0;
}

static int make_mailbox(int root, const char *path)
{
	int dir = dir_make_beneath(root, path);
	if (dir < 0)
		return -1;
	int made = make_one(dir, "tmp") < 0 || make_one(dir, "new") < 0 || make_one(dir, "cur") < 0;
	int error = errno;
	close(dir);
	errno = error;
	return made == 0 ? 0 : -1;
}

static int open_part(int root, struct str path, const char *part)
{
	char *full = xasprintf("%.*s/%s", STR_ARG(path), part);
	int fd = dir_open_beneath(root, full, DIR_FLAGS);
	free(full);
	return fd;
}

static int open_parts(struct mailbox *box)
{
	struct stat st;
	box->tmp = open_part(box->root, box->path, "tmp");
	box->new = box->tmp < 0 ? -1 : open_part(box->root, box->path, "new");
	if (box->new < 0 || fstat(box->new, &st) < 0)
		return -1;
	box->device = st.st_dev;
	box->inode = st.st_ino;
	return 0;
}

static int open_mailbox(struct mailbox *box)
{
	if (open_parts(box) == 0)
		return 0;
	if (errno != ENOENT)
		return errno;
	if (box->tmp >= 0)
		close(box->tmp);
	if (make_mailbox(box->root, box->path.p) < 0 || open_parts(box) < 0)
		return errno;
	return 0;
}

/* Whether what is open is still what the path leads to. */
static bool is_in_place(const struct mailbox *box)
{
	struct stat st;
	char path[MAILBOX_PATH_MAX + 8];
	int n = snprintf(path, sizeof(path), "%s/new", box->path.p);
	return n > 0 && (size_t)n < sizeof(path) &&
	       fstatat(box->root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_dev == box->device && st.st_ino == box->inode;
}

static void keep(struct mailboxes *m, struct mailbox *box)
{
	while (hash_count(m->by_path) >= m->max)
		mailboxes_drop(m, TAILQ_LAST(&m->by_use, mailbox_list));
	hash_put(m->by_path, box);
	TAILQ_INSERT_HEAD(&m->by_use, box, uses);
}

static void sweep(const struct mailbox *box)
{
	struct log_event ev;
	size_t removed = tmp_sweep(box->tmp);
	if (removed == 0)
		return;
	log_begin(&ev, LOG_INFO, STR(""));
	log_str(&ev, "mailbox", box->path);
	log_u64(&ev, "removed", removed);
	log_note(&ev, STR("old files of deliveries that were cut short"));
	log_end(&ev);
}

int mailboxes_get(struct mailboxes *m, struct str path, struct mailbox **out)
{
	struct mailbox *box = hash_find(m->by_path, path);
	if (box != NULL && is_in_place(box)) {
		TAILQ_REMOVE(&m->by_use, box, uses);
		TAILQ_INSERT_HEAD(&m->by_use, box, uses);
		*out = box;
		return 0;
	}
	if (box != NULL)
		mailboxes_drop(m, box);
	box = xcalloc(1, sizeof(*box));
	*box = (struct mailbox){.root = m->root, .tmp = -1, .new = -1};
	box->path = (struct str){str_dup(path), path.n};
	int error = open_mailbox(box);
	if (error != 0) {
		close_mailbox(box);
		return error;
	}
	sweep(box);
	keep(m, box);
	*out = box;
	return 0;
}
