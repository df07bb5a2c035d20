/* SPDX-License-Identifier: ISC
 *
 * Invariant: `seen` has a row for each certificate of the configuration that was sent
 * last, with what its files were like then.
 */
#include "control/certificates.h"

#include "common/log.h"
#include "common/mem.h"
#include "common/msg-supervision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* All zero: it is not there. */
struct sight {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct row {
	struct sight chain, key;
};

static struct row *seen;
static size_t seen_count;

static struct sight look(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return (struct sight){0};
	return (struct sight){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool is_same(const struct sight *a, const struct sight *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* A link may be in the path: that is how Let's Encrypt has it. */
static int open_file(const struct conf_certificate *c, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	if (fd < 0)
		log_message(LOG_ERR, "certificate %s: %s: %m", c->name, path);
	else
		log_message(LOG_ERR, "certificate %s: %s: it is no file", c->name, path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static void warn_of_mode(const struct conf_certificate *c, int key)
{
	struct stat st;
	if (fstat(key, &st) == 0 && (st.st_mode & 07) != 0)
		log_message(LOG_WARNING,
		    "certificate %s: %s: everybody on this machine can read the key: chmod 600",
		    c->name, c->key);
}

static void send_pair(const struct conf *conf, size_t number, struct channel *channel)
{
	const struct conf_certificate *c = &conf->certificates[number];
	const struct msg_key_pair m = {.number = (uint16_t)number};
	seen[number] = (struct row){look(c->chain), look(c->key)};
	int fds[2] = {open_file(c, c->chain), open_file(c, c->key)};
	if (fds[0] >= 0 && fds[1] >= 0) {
		warn_of_mode(c, fds[1]);
		msg_key_pair_send(channel, &m, fds);
	}
	for (size_t i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void certificates_send(const struct conf *conf, struct channel *channel)
{
	free(seen);
	seen_count = conf->certificate_count;
	seen = xcalloc(seen_count + 1, sizeof(*seen));
	for (size_t i = 0; i < seen_count; i++)
		send_pair(conf, i, channel);
}

void certificates_look(const struct conf *conf, struct channel *channel)
{
	if (seen_count != conf->certificate_count)
		return;
	for (size_t i = 0; i < seen_count; i++) {
		const struct conf_certificate *c = &conf->certificates[i];
		struct sight chain = look(c->chain), key = look(c->key);
		if (!is_same(&chain, &seen[i].chain) || !is_same(&key, &seen[i].key))
			send_pair(conf, i, channel);
	}
}
