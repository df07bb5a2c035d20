/* SPDX-License-Identifier: ISC
 *
 * Files are opened by name below the open directories new and cur, never through
 * a symbolic link. A name that is not there any more makes the directories be read
 * once more, for all messages; what is not found then is gone and not looked for again.
 */
#include "pop3d/maildir-drop.h"
#include "common/dir.h"
#include "common/mem.h"
#include "pop3d/maildir-list.h"
#include "pop3d/pop3-text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct maildir_drop {
	struct maildrop drop; /* first: the interface */
	struct maildir_list list;
	int new;
	int cur;
	int file; /* the message that is open, or -1 */
	unsigned readings;
};

static struct maildir_drop *self(struct maildrop *drop)
{
	return (struct maildir_drop *)drop;
}

static int dir_of(const struct maildir_drop *d, const struct maildir_item *item)
{
	return item->in_cur ? d->cur : d->new;
}

/* Finds all messages again; true when this one is still there. */
static bool look_again(struct maildir_drop *d, const struct maildir_item *item)
{
	struct maildir_list fresh;
	if (item->gone)
		return false;
	if (maildir_list_read(&fresh, d->new, d->cur) == 0 && !fresh.full)
		maildir_list_follow(&d->list, &fresh);
	maildir_list_release(&fresh);
	d->readings++;
	return !item->gone;
}

static int open_item(struct maildir_drop *d, const struct maildir_item *item)
{
	struct stat st;
	const int flags = O_RDONLY | O_NONBLOCK;
	if (item->gone)
		return -1;
	int fd = dir_open_beneath(dir_of(d, item), maildir_list_name(&d->list, item), flags);
	if (fd < 0 && errno == ENOENT && look_again(d, item))
		fd = dir_open_beneath(dir_of(d, item), maildir_list_name(&d->list, item), flags);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

static ssize_t read_some(int fd, char *to, size_t n)
{
	ssize_t got;
	do
		got = read(fd, to, n);
	while (got < 0 && errno == EINTR);
	return got;
}

static uint64_t measure(struct maildir_drop *d, const struct maildir_item *item)
{
	static char block[32 * 1024];
	struct pop3_measure m = {.octets = 0};
	ssize_t n;
	int fd = open_item(d, item);
	if (fd < 0)
		return 0;
	while ((n = read_some(fd, block, sizeof(block))) > 0)
		pop3_measure_put(&m, block, (size_t)n);
	close(fd);
	return n < 0 ? 0 : pop3_measure_end(&m);
}

static uint64_t drop_size(struct maildrop *drop, size_t i)
{
	struct maildir_item *item = &self(drop)->list.items[i];
	if (item->size == MAILDIR_SIZE_UNKNOWN)
		item->size = measure(self(drop), item);
	return item->size;
}

static struct str drop_uidl(struct maildrop *drop, size_t i, char space[UIDL_MAX])
{
	const struct maildir_item *item = &self(drop)->list.items[i];
	const char *name = maildir_list_name(&self(drop)->list, item);
	return maildir_entry_uidl(str_from(name, item->unique_n), space);
}

static bool drop_open(struct maildrop *drop, size_t i)
{
	struct maildir_drop *d = self(drop);
	d->file = open_item(d, &d->list.items[i]);
	return d->file >= 0;
}

static ssize_t drop_read(struct maildrop *drop, char *to, size_t n)
{
	return read_some(self(drop)->file, to, n);
}

static void drop_close(struct maildrop *drop)
{
	close(self(drop)->file);
	self(drop)->file = -1;
}

static bool drop_remove(struct maildrop *drop, size_t i)
{
	struct maildir_drop *d = self(drop);
	const struct maildir_item *item = &d->list.items[i];
	if (item->gone)
		return true;
	if (unlinkat(dir_of(d, item), maildir_list_name(&d->list, item), 0) == 0)
		return true;
	if (errno != ENOENT)
		return false;
	if (!look_again(d, item))
		return item->gone;
	return unlinkat(dir_of(d, item), maildir_list_name(&d->list, item), 0) == 0 ||
	       errno == ENOENT;
}

static const struct maildrop_ops ops = {
    .size = drop_size,
    .uidl = drop_uidl,
    .open = drop_open,
    .read = drop_read,
    .close = drop_close,
    .remove = drop_remove,
};

static int open_part(int mailbox, const char *name, int *fd)
{
	*fd = mailbox < 0 ? -1 : dir_open_beneath(mailbox, name, O_RDONLY | O_DIRECTORY);
	return *fd >= 0 || mailbox < 0 || errno == ENOENT ? 0 : errno;
}

struct maildrop *maildir_drop_open(int mailbox)
{
	struct maildir_drop *d = xcalloc(1, sizeof(*d));
	*d = (struct maildir_drop){
	    .drop.ops = &ops, .new = -1, .cur = -1, .file = -1, .readings = 1};
	int error = open_part(mailbox, "new", &d->new);
	if (error == 0)
		error = open_part(mailbox, "cur", &d->cur);
	if (error == 0)
		error = maildir_list_read(&d->list, d->new, d->cur);
	d->drop.count = d->list.count;
	if (error == 0)
		return &d->drop;
	maildir_drop_free(&d->drop);
	errno = error;
	return NULL;
}

void maildir_drop_free(struct maildrop *drop)
{
	if (drop == NULL)
		return;
	struct maildir_drop *d = self(drop);
	const int fds[] = {d->new, d->cur, d->file};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	maildir_list_release(&d->list);
	free(d);
}

unsigned maildir_drop_readings(const struct maildrop *drop)
{
	return ((const struct maildir_drop *)drop)->readings;
}
