/* SPDX-License-Identifier: ISC */
#include "pop3d/maildir-list.h"
#include "common/dir.h"
#include "common/mem.h"
#include "pop3d/maildir-drop.h"

#include <stdlib.h>

struct reading {
	struct maildir_list *list;
	bool in_cur;
};

static uint32_t add_name(struct maildir_list *list, const char *name, size_t n)
{
	while (list->names_cap - list->names_n < n + 1) {
		list->names_cap = list->names_cap == 0 ? 4096 : list->names_cap * 2;
		list->names = xreallocarray(list->names, list->names_cap, 1);
	}
	uint32_t at = (uint32_t)list->names_n;
	memcpy(list->names + at, name, n);
	list->names[at + n] = '\0';
	list->names_n += n + 1;
	return at;
}

static bool add(void *ctx, const char *name)
{
	const struct reading *r = ctx;
	struct maildir_list *list = r->list;
	struct maildir_entry entry;
	size_t n = strlen(name);
	if (!maildir_entry_parse(str_from(name, n), &entry))
		return true;
	if (list->count == MAILDIR_DROP_MESSAGES_MAX ||
	    list->names_n + n >= MAILDIR_DROP_NAMES_MAX) {
		list->full = true;
		return false;
	}
	if (list->count == list->cap) {
		list->cap = list->cap == 0 ? 64 : list->cap * 2;
		list->items = xreallocarray(list->items, list->cap, sizeof(*list->items));
	}
	list->items[list->count++] = (struct maildir_item){
	    .size = entry.has_crlf_size ? entry.crlf_size : MAILDIR_SIZE_UNKNOWN,
	    .time = (uint32_t)entry.time,
	    .name = add_name(list, name, n),
	    .unique_n = (uint16_t)entry.unique.n,
	    .in_cur = r->in_cur};
	return true;
}

static int compare_unique(const char *an, size_t a, const char *bn, size_t b)
{
	int order = memcmp(an, bn, a < b ? a : b);
	return order != 0 ? order : (a > b) - (a < b);
}

static int compare(const char *a_names, const struct maildir_item *a, const char *b_names,
    const struct maildir_item *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return compare_unique(a_names + a->name, a->unique_n, b_names + b->name, b->unique_n);
}

/* Of two with one unique part, that in cur comes first. */
static bool comes_first(
    const char *names, const struct maildir_item *a, const struct maildir_item *b)
{
	int order = compare(names, a, names, b);
	return order < 0 || (order == 0 && a->in_cur >= b->in_cur);
}

/* Two sorted runs, from[0, middle) and from[middle, n), into one. */
static void merge(const char *names, const struct maildir_item *from, size_t middle, size_t n,
    struct maildir_item *to)
{
	size_t a = 0, b = middle;
	while (a < middle && b < n)
		*to++ = comes_first(names, &from[a], &from[b]) ? from[a++] : from[b++];
	memcpy(to, from + a, (middle - a) * sizeof(*to));
	memcpy(to + (middle - a), from + b, (n - b) * sizeof(*to));
}

/* Merge sort, from the bottom up. The C library's asks the system for its memory's size, which the
 * jail does not allow. */
static void sort(struct maildir_list *list)
{
	size_t n = list->count;
	struct maildir_item *from = list->items, *to = xcalloc(n + 1, sizeof(*to));
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t at = 0; at < n; at += 2 * width) {
			size_t run = n - at < 2 * width ? n - at : 2 * width;
			merge(list->names, from + at, run < width ? run : width, run, to + at);
		}
		struct maildir_item *done = to;
		to = from;
		from = done;
	}
	free(to);
	list->items = from;
	list->cap = n;
}

/* A message that was renamed while the directories were read may have been seen twice. */
static void drop_doubles(struct maildir_list *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct maildir_item *last = kept == 0 ? NULL : &list->items[kept - 1];
		if (last == NULL || compare(list->names, last, list->names, &list->items[i]) != 0)
			list->items[kept++] = list->items[i];
	}
	list->count = kept;
}

int maildir_list_read(struct maildir_list *list, int new, int cur)
{
	struct reading reading = {.list = list};
	int error = 0;
	*list = (struct maildir_list){.items = NULL};
	if (new >= 0)
		error = dir_each(new, add, &reading);
	reading.in_cur = true;
	if (cur >= 0 && error == 0 && !list->full)
		error = dir_each(cur, add, &reading);
	if (list->count > 1)
		sort(list);
	drop_doubles(list);
	return error;
}

void maildir_list_release(struct maildir_list *list)
{
	free(list->items);
	free(list->names);
	*list = (struct maildir_list){.items = NULL};
}

const char *maildir_list_name(const struct maildir_list *list, const struct maildir_item *item)
{
	return list->names + item->name;
}

void maildir_list_follow(struct maildir_list *list, struct maildir_list *fresh)
{
	size_t j = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct maildir_item *item = &list->items[i];
		int order = 1;
		while (j < fresh->count &&
		       (order = compare(fresh->names, &fresh->items[j], list->names, item)) < 0)
			j++;
		item->gone = j == fresh->count || order != 0;
		if (!item->gone)
			item->in_cur = fresh->items[j].in_cur;
		const char *old = maildir_list_name(list, item);
		item->name = item->gone ? add_name(fresh, old, strlen(old)) : fresh->items[j].name;
	}
	struct maildir_list before = *list;
	list->names = fresh->names;
	list->names_n = fresh->names_n;
	list->names_cap = fresh->names_cap;
	fresh->names = before.names;
	fresh->names_n = before.names_n;
	fresh->names_cap = before.names_cap;
}
