/* SPDX-License-Identifier: ISC */
#include "deliver-local/maildir.h"
#include "deliver-local/earlier.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0600 };

/* A file of this name in tmp/ is left over from a try that was cut short. */
static int create_tmp(const struct mailbox *box, const char *name)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(box->tmp, name, flags, FILE_MODE);
	if (fd < 0 && errno == EEXIST && unlinkat(box->tmp, name, 0) == 0)
		fd = openat(box->tmp, name, flags, FILE_MODE);
	return fd;
}

static int write_tmp(
    const struct mailbox *box, const struct maildir_message *m, struct content_size *size)
{
	int fd = create_tmp(box, m->name.unique);
	if (fd < 0)
		return errno;
	int error = content_write(m->content, m->added, fd, size);
	if (close(fd) < 0 && error == 0)
		error = errno;
	if (error != 0)
		unlinkat(box->tmp, m->name.unique, 0);
	return error;
}

/* For file systems without RENAME_NOREPLACE. */
static int link_into_new(const struct mailbox *box, const char *from, const char *to)
{
	if (linkat(box->tmp, from, box->new, to, 0) < 0)
		return errno;
	unlinkat(box->tmp, from, 0);
	return 0;
}

static int publish(const struct mailbox *box, const char *from, const char *to)
{
	if (renameat2(box->tmp, from, box->new, to, RENAME_NOREPLACE) == 0)
		return 0;
	return errno == EINVAL || errno == ENOSYS ? link_into_new(box, from, to) : errno;
}

static int replace(struct mailbox *box, const struct maildir_message *m, struct earlier_file *file)
{
	struct content_size size;
	int error = write_tmp(box, m, &size);
	if (error != 0)
		return error;
	if (renameat(box->tmp, m->name.unique, file->dir, file->name) < 0) {
		error = errno;
		unlinkat(box->tmp, m->name.unique, 0);
	}
	return error;
}

/* Compares with what the disk has: after a failed write the cache may hold what the disk never got.
 */
static int is_complete(const struct maildir_message *m, const struct earlier_file *file, bool *yes)
{
	struct stat st;
	*yes = false;
	int fd = openat(file->dir, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int error = 0;
	if (fstat(fd, &st) < 0) {
		error = errno;
	} else if (S_ISREG(st.st_mode)) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		error = content_compare(m->content, m->added, fd, yes);
	}
	close(fd);
	return error == EIO ? 0 : error; /* what cannot be read is not complete */
}

/* The name in new/, when it is known without writing the file. */
static const char *sized_name(const struct maildir_message *m, char out[MAILDIR_NAME_SIZE])
{
	struct content_size size;
	if (!content_size(m->content, m->added, &size))
		return NULL;
	maildir_name_sized(&m->name, size.octets, size.crlf_octets, out);
	return out;
}

/* `*outcome` stays MAILDIR_WRITTEN when there was nothing. */
static int deliver_again(
    struct mailbox *box, const struct maildir_message *m, enum maildir_outcome *outcome)
{
	char exact[MAILDIR_NAME_SIZE];
	struct earlier_file file;
	bool complete;
	int error = earlier_find(box, &m->name, sized_name(m, exact), &file);
	if (error != 0 || !file.found)
		return error;
	error = is_complete(m, &file, &complete);
	if (error == 0 && complete) {
		*outcome = MAILDIR_FOUND;
		unlinkat(box->tmp, m->name.unique, 0);
	} else if (error == 0) {
		error = replace(box, m, &file);
		if (error == 0)
			*outcome = MAILDIR_REPLACED;
	}
	earlier_close(&file);
	return error;
}

static int deliver_first(struct mailbox *box, const struct maildir_message *m)
{
	char to[MAILDIR_NAME_SIZE];
	struct content_size size;
	int error = write_tmp(box, m, &size);
	if (error != 0)
		return error;
	maildir_name_sized(&m->name, size.octets, size.crlf_octets, to);
	error = publish(box, m->name.unique, to);
	if (error != 0)
		unlinkat(box->tmp, m->name.unique, 0);
	else
		earlier_add(box, &m->name);
	return error;
}

int maildir_deliver(struct mailbox *box, const struct maildir_message *m, bool repeat,
    enum maildir_outcome *outcome)
{
	*outcome = MAILDIR_WRITTEN;
	int error = repeat ? deliver_again(box, m, outcome) : 0;
	if (error != 0 || *outcome != MAILDIR_WRITTEN)
		return error;
	error = deliver_first(box, m);
	/* A queue that was set back (a restored spool) does not know that it repeats itself. */
	if (error == EEXIST)
		error = deliver_again(box, m, outcome);
	return error;
}
