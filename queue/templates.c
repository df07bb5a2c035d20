/* SPDX-License-Identifier: ISC */
#include "queue/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char failure[] =
    "Subject: Your message could not be delivered\n"
    "\n"
    "This is the mail system at ${hostname}.\n"
    "\n"
    "Your message could not be delivered to the recipients named below, and it\n"
    "will not be tried again. The reason is given after each address.\n"
    "\n"
    "${recipients}\n"
    "The message came here on ${arrival} as ${id}.\n"
    "${returned}\n"
    "\n"
    "If you need help, please send this notice to ${postmaster}.\n";

static const char delay[] =
    "Subject: Your message is delayed\n"
    "\n"
    "This is the mail system at ${hostname}.\n"
    "\n"
    "This is only a notice: you need not send your message again.\n"
    "\n"
    "Your message could not be delivered yet to the recipients named below.\n"
    "Delivery is tried again until ${until}.\n"
    "\n"
    "${recipients}\n"
    "The message came here on ${arrival} as ${id}.\n"
    "\n"
    "If you need help, please send this notice to ${postmaster}.\n";

static const char success[] =
    "Subject: Your message was delivered\n"
    "\n"
    "This is the mail system at ${hostname}.\n"
    "\n"
    "You asked to be told what became of your message. For the recipients named\n"
    "below it was put into their mailboxes, handed to a server that will not report\n"
    "any further, or passed on to the addresses that an alias stands for.\n"
    "\n"
    "${recipients}\n"
    "The message came here on ${arrival} as ${id}.\n";

static const char undeliverable[] =
    "Subject: A message could neither be delivered nor returned\n"
    "\n"
    "This is the mail system at ${hostname}.\n"
    "\n"
    "A message from <${sender}> could not be delivered to the recipients named\n"
    "below, and its sender could not be told.\n"
    "\n"
    "${recipients}\n"
    "The message came here on ${arrival} as ${id}.\n"
    "${returned}\n";

static const char limit[] =
    "Subject: A limit of submission was passed\n"
    "\n"
    "This is the mail system at ${hostname}.\n"
    "\n"
    "${who} has passed the limit of ${limit}.\n"
    "\n"
    "Recipients: ${count}, since ${since}\n"
    "Passed on: ${when}\n"
    "Clients: ${clients}\n"
    "\n"
    "${done} You are told of this once a day.\n"
    "\n"
    "${commands}\n";

static const char limits[] =
    "Subject: More limits of submission were passed\n"
    "\n"
    "This is the mail system at ${hostname}.\n"
    "\n"
    "Since ${since} a limit was passed by\n"
    "${who}, which is too many to be told\n"
    "of one by one. ${done}\n"
    "\n"
    "${commands}\n";

static const struct {
	const char *file;
	enum template_about about;
	const char *text;
} kinds[TEXT_KINDS] = {
    [DSN_FAILURE] = {"failure.txt", ABOUT_MESSAGE, failure},
    [DSN_DELAY] = {"delay.txt", ABOUT_MESSAGE, delay},
    [DSN_SUCCESS] = {"success.txt", ABOUT_MESSAGE, success},
    [DSN_DOUBLE] = {"double.txt", ABOUT_MESSAGE, undeliverable},
    [TEXT_LIMIT] = {"limit.txt", ABOUT_LIMIT, limit},
    [TEXT_LIMITS] = {"limits.txt", ABOUT_LIMIT, limits},
};

struct loading {
	const char *directory, *file;
	templates_fault_fn *fault;
	void *ctx;
	bool failed;
};

static void tell(struct loading *l, const char *text)
{
	l->failed = true;
	if (l->fault != NULL)
		l->fault(l->ctx, text);
}

static void on_fault(void *ctx, unsigned line, const char *text)
{
	struct loading *l = ctx;
	char whole[1024];
	snprintf(whole, sizeof(whole), "%s/%s:%u: %s", l->directory, l->file, line, text);
	tell(l, whole);
}

static void tell_errno(struct loading *l, int error)
{
	char text[1024];
	snprintf(text, sizeof(text), "%s/%s cannot be read: %s", l->directory, l->file,
	    strerrordesc_np(error));
	tell(l, text);
}

/* One octet more than a template may have shows that it is too long. */
static struct template *read_file(struct loading *l, int fd, enum template_about about)
{
	char text[TEMPLATE_MAX + 1];
	size_t n = 0;
	while (n < sizeof(text)) {
		ssize_t got = read(fd, text + n, sizeof(text) - n);
		if (got < 0) {
			tell_errno(l, errno);
			return NULL;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return template_parse(str_from(text, n), about, on_fault, l);
}

static struct template *load(struct loading *l, int dir, enum template_about about)
{
	int fd = openat(dir, l->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		if (errno != ENOENT)
			tell_errno(l, errno);
		return NULL;
	}
	struct template *t = read_file(l, fd, about);
	close(fd);
	return t;
}

bool templates_load(
    struct templates *t, const char *directory, templates_fault_fn *fault, void *ctx)
{
	struct loading l = {.directory = directory, .file = "", .fault = fault, .ctx = ctx};
	int dir = -1;
	if (directory != NULL) {
		dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			tell_errno(&l, errno);
	}
	for (size_t i = 0; i < TEXT_KINDS; i++) {
		l.file = kinds[i].file;
		t->list[i] = dir < 0 ? NULL : load(&l, dir, kinds[i].about);
		if (t->list[i] == NULL)
			t->list[i] = template_parse(
			    str_from_cstr(kinds[i].text), kinds[i].about, NULL, NULL);
	}
	if (dir >= 0)
		close(dir);
	return !l.failed;
}

void templates_reset(struct templates *t)
{
	for (size_t i = 0; i < TEXT_KINDS; i++)
		template_free(t->list[i]);
	*t = (struct templates){0};
}
