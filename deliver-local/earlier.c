/* SPDX-License-Identifier: ISC
 *
 * The memory is an open-addressing table of 64-bit hashes of keys (everything of
 * a name up to its second dot). A collision only costs a search of the directory.
 */
#include "deliver-local/earlier.h"
#include "common/dir.h"
#include "common/hash.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of all mailboxes together; beyond it directories are searched every time. */
enum { SLOTS_MAX = 8 * 1024 * 1024, SLOTS_FIRST = 1024 };

struct earlier {
	uint64_t *slots; /* 0: empty */
	size_t cap;	 /* a power of two */
	size_t count;
	bool overflow;
};

static size_t slots_in_use;

void earlier_free(struct earlier *e)
{
	if (e == NULL)
		return;
	slots_in_use -= e->cap;
	free(e->slots);
	free(e);
}

static bool is_in(const struct earlier *e, uint64_t h)
{
	for (size_t i = h & (e->cap - 1); e->slots[i] != 0; i = (i + 1) & (e->cap - 1))
		if (e->slots[i] == h)
			return true;
	return false;
}

static void put(struct earlier *e, uint64_t h)
{
	size_t i = h & (e->cap - 1);
	while (e->slots[i] != 0)
		i = (i + 1) & (e->cap - 1);
	e->slots[i] = h;
	e->count++;
}

static bool grow(struct earlier *e)
{
	size_t cap = e->cap == 0 ? SLOTS_FIRST : e->cap * 2;
	if (slots_in_use - e->cap + cap > SLOTS_MAX)
		return false;
	struct earlier bigger = {.slots = xcalloc(cap, sizeof(uint64_t)), .cap = cap};
	for (size_t i = 0; i < e->cap; i++)
		if (e->slots[i] != 0)
			put(&bigger, e->slots[i]);
	slots_in_use += cap - e->cap;
	free(e->slots);
	*e = bigger;
	return true;
}

static uint64_t hash_key(const char *name, size_t n)
{
	uint64_t h = hash_bytes(name, n);
	return h == 0 ? 1 : h;
}

static void add(struct earlier *e, uint64_t h)
{
	if (e->overflow || is_in(e, h))
		return;
	if (e->count * 2 >= e->cap && !grow(e))
		e->overflow = true;
	else
		put(e, h);
}

/* Length of a name's key when it looks like one of ours, else 0. */
static size_t key_length(const char *name)
{
	const char *dot = strchr(name, '.');
	if (dot == NULL || dot[1] != 'Q')
		return 0;
	dot = strchr(dot + 1, '.');
	return dot == NULL ? 0 : (size_t)(dot - name) + 1;
}

static bool remember(void *ctx, const char *name)
{
	struct earlier *e = ctx;
	size_t n = key_length(name);
	if (n > 0)
		add(e, hash_key(name, n));
	return !e->overflow;
}

static int open_cur(const struct mailbox *box)
{
	char *path = xasprintf("%s/cur", box->path.p);
	int fd = dir_open_beneath(box->root, path, O_RDONLY | O_DIRECTORY);
	free(path);
	return fd;
}

/* Makes box->earlier, unless the mailbox is too large for it. */
static int learn(struct mailbox *box)
{
	struct earlier *e = xcalloc(1, sizeof(*e));
	e->overflow = !grow(e);
	int error = dir_each(box->new, remember, e);
	int cur = error == 0 ? open_cur(box) : -1;
	if (cur >= 0) {
		error = dir_each(cur, remember, e);
		close(cur);
	} else if (error == 0 && errno != ENOENT) {
		error = errno;
	}
	if (error != 0 || e->overflow)
		earlier_free(e);
	else
		box->earlier = e;
	return error;
}

struct search {
	const struct maildir_name *name;
	struct earlier_file *file;
};

static bool match(void *ctx, const char *name)
{
	struct search *s = ctx;
	if (strlen(name) >= MAILDIR_NAME_SIZE || !maildir_name_matches(s->name, name))
		return true;
	snprintf(s->file->name, sizeof(s->file->name), "%s", name);
	s->file->found = true;
	return false;
}

static int search_in(int dir, const struct maildir_name *name, struct earlier_file *out)
{
	struct search s = {name, out};
	out->dir = dir;
	return dir_each(dir, match, &s);
}

static int search_both(
    struct mailbox *box, const struct maildir_name *name, struct earlier_file *out)
{
	int error = search_in(box->new, name, out);
	if (error != 0 || out->found)
		return error;
	int cur = open_cur(box);
	if (cur < 0)
		return errno == ENOENT ? 0 : errno;
	out->in_cur = true;
	error = search_in(cur, name, out);
	if (error != 0 || !out->found)
		close(cur);
	return error;
}

int earlier_find(struct mailbox *box, const struct maildir_name *name, const char *exact,
    struct earlier_file *out)
{
	struct stat st;
	*out = (struct earlier_file){.dir = box->new};
	if (exact != NULL && fstatat(box->new, exact, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		snprintf(out->name, sizeof(out->name), "%s", exact);
		out->found = true;
		return 0;
	}
	if (box->earlier == NULL) {
		int error = learn(box);
		if (error != 0)
			return error;
	}
	if (box->earlier != NULL && !is_in(box->earlier, hash_key(name->unique, name->key_n)))
		return 0;
	return search_both(box, name, out);
}

void earlier_close(struct earlier_file *file)
{
	if (file->found && file->in_cur)
		close(file->dir);
}

void earlier_add(struct mailbox *box, const struct maildir_name *name)
{
	if (box->earlier == NULL)
		return;
	add(box->earlier, hash_key(name->unique, name->key_n));
	if (box->earlier->overflow) {
		earlier_free(box->earlier);
		box->earlier = NULL;
	}
}
