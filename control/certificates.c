/* SPDX-License-Identifier: ISC
 *
 * Invariant: `rows` has a row for each certificate of the configuration that is in force, with
 * what its files were like when they were sent last, and what became of them.
 */
#include "control/certificates.h"

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/msg-supervision.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REPORT_SPARE = 256 }; /* for what comes behind the rows */

/* All zero: it is not there. */
struct sight {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct row {
	char *identity; /* name and paths: the same, for keys it is the same certificate */
	bool for_servers;
	struct sight chain, key;
	uint32_t serial; /* of what was sent last */
	bool waits;	 /* for keys' verdict on that */
	bool refused;
	bool in_use; /* as keys said last */
	char *text;  /* what is wrong; NULL: nothing */
};

static struct row *rows;
static size_t row_count;
static uint32_t last_serial;
static void (*on_all_judged)(void);

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

static void set_text(struct row *row, char *text)
{
	free(row->text);
	row->text = text;
}

static void refuse(struct row *row, const struct conf_certificate *c, const char *path, const char *why)
{
	row->refused = true;
	set_text(row, xasprintf("certificate %s: %s: %s%s", c->name, path, why,
			  row->in_use ? "; the one before stays in use" : "; it is not used"));
	log_message(LOG_ERR, "%s", row->text);
}

/* A link may be in the path: that is how Let's Encrypt has it. */
static int open_file(struct row *row, const struct conf_certificate *c, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	refuse(row, c, path, fd < 0 ? strerror(errno) : "it is no file");
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
	struct row *row = &rows[number];
	const struct msg_key_pair m = {.number = (uint16_t)number, .serial = ++last_serial};
	row->chain = look(c->chain);
	row->key = look(c->key);
	row->serial = m.serial;
	row->refused = false;
	set_text(row, NULL);
	int fds[2] = {open_file(row, c, c->chain), open_file(row, c, c->key)};
	row->waits = fds[0] >= 0 && fds[1] >= 0;
	if (row->waits) {
		warn_of_mode(c, fds[1]);
		msg_key_pair_send(channel, &m, fds);
	}
	for (size_t i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static bool was_in_use(const struct row *list, size_t count, const char *identity)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].identity, identity) == 0)
			return list[i].in_use;
	return false;
}

void certificates_expect(const struct conf *conf)
{
	struct row *old = rows;
	size_t old_count = row_count;
	row_count = conf->certificate_count;
	rows = xcalloc(row_count + 1, sizeof(*rows));
	for (size_t i = 0; i < row_count; i++) {
		const struct conf_certificate *c = &conf->certificates[i];
		rows[i].identity = xasprintf("%s\n%s\n%s", c->name, c->chain, c->key);
		rows[i].for_servers = !c->client_only;
		rows[i].in_use = was_in_use(old, old_count, rows[i].identity);
		rows[i].waits = true;
	}
	for (size_t i = 0; i < old_count; i++) {
		free(old[i].identity);
		free(old[i].text);
	}
	free(old);
}

void certificates_send(const struct conf *conf, struct channel *channel)
{
	certificates_expect(conf);
	for (size_t i = 0; i < row_count; i++)
		send_pair(conf, i, channel);
}

/* What waited may have gone, too. */
static void tell(void)
{
	if (certificates_are_judged() && on_all_judged != NULL)
		on_all_judged();
}

void certificates_look(const struct conf *conf, struct channel *channel)
{
	if (row_count != conf->certificate_count)
		return;
	for (size_t i = 0; i < row_count; i++) {
		const struct conf_certificate *c = &conf->certificates[i];
		struct sight chain = look(c->chain), key = look(c->key);
		if (!is_same(&chain, &rows[i].chain) || !is_same(&key, &rows[i].key))
			send_pair(conf, i, channel);
	}
	tell();
}

/* --- What becomes of them --- */

void certificates_watch(void (*on_judged)(void))
{
	on_all_judged = on_judged;
}

/* It goes to a terminal: what could move the cursor there, or begin a line, does not. */
static char *printable(struct str s)
{
	char *text = xasprintf("%.*s", (int)s.n, s.p);
	for (char *c = text; *c != '\0'; c++)
		*c = ascii_shown(*c);
	return text;
}

void certificates_judge(const struct msg_key_verdict *m)
{
	struct row *row = m->number < row_count ? &rows[m->number] : NULL;
	if (row == NULL || !row->waits || row->serial != m->serial)
		return;
	row->waits = false;
	row->refused = m->refused;
	row->in_use = m->in_use;
	if (m->text.n > 0)
		set_text(row, printable(m->text));
	tell();
}

void certificates_forget(void)
{
	for (size_t i = 0; i < row_count; i++)
		rows[i].in_use = false;
}

bool certificates_are_judged(void)
{
	for (size_t i = 0; i < row_count; i++)
		if (rows[i].waits)
			return false;
	return true;
}

bool certificates_are_useless(void)
{
	bool any = false;
	for (size_t i = 0; i < row_count; i++) {
		if (rows[i].for_servers && (rows[i].in_use || rows[i].waits))
			return false;
		any = any || rows[i].for_servers;
	}
	return any;
}

size_t certificates_report(struct buf *text, size_t most)
{
	size_t refused = 0, unsaid = 0;
	for (size_t i = 0; i < row_count; i++) {
		refused += rows[i].refused;
		if (rows[i].text == NULL)
			continue;
		if (buf_len(text) + strlen(rows[i].text) + REPORT_SPARE > most)
			unsaid++;
		else
			buf_printf(text, "%s\n", rows[i].text);
	}
	if (unsaid > 0)
		buf_printf(text, "and %zu more, of which the log tells\n", unsaid);
	if (certificates_are_useless())
		buf_printf(text, "%s\n", CERTIFICATES_USELESS);
	return refused;
}
