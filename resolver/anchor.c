/* SPDX-License-Identifier: ISC
 *
 * libunbound keeps an anchor up to date by writing a file of another name beside it and renaming
 * that, so it is the directory that must be writable.
 */
#include "resolver/anchor.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unbound.h>
#include <unistd.h>

/* https://data.iana.org/root-anchors/root-anchors.xml: KSK-2017 and KSK-2024. */
static const char *const built_in[] = {
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};
enum { BUILT_IN_COUNT = sizeof(built_in) / sizeof(built_in[0]) };

/* --- Before the jail --- */

void anchor_open(struct anchor *a, const struct conf_resolver *conf, const char *directory)
{
	if (directory == NULL)
		return;
	struct str path = str_from_cstr(conf->trust_anchor);
	a->directory = xstrdup(directory);
	a->file = str_dup(str_skip(path, strlen(directory) + 1));
	if (directory[0] == '\0' || a->file[0] == '\0')
		log_fatal(EX_CONFIG,
		    "trust-anchor: %s: it must be a file in a directory of its own",
		    conf->trust_anchor);
	int fd = open(a->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		log_fatal(EX_NOINPUT, "trust-anchor: %s: %m", a->directory);
	close(fd);
}

bool anchor_is_same(const struct anchor *a, const struct conf_resolver *conf)
{
	if (!conf->validate)
		return true;
	if (a->directory == NULL || conf->trust_anchor == NULL)
		return a->directory == NULL && conf->trust_anchor == NULL;
	struct str path = str_from_cstr(conf->trust_anchor);
	size_t n = strlen(a->directory);
	return str_has_prefix(path, str_from_cstr(a->directory)) && path.n > n &&
	       path.p[n] == '/' && strcmp(path.p + n + 1, a->file) == 0;
}

/* --- In the jail --- */

/* A file can be made and removed beside it. */
static bool can_write_beside(const struct anchor *a)
{
	char *probe = xasprintf("%s.probe", a->file);
	int fd = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool can = fd >= 0 || errno == EEXIST; /* left by one that was killed here */
	if (fd >= 0)
		close(fd);
	if (can && unlink(probe) < 0)
		can = false;
	free(probe);
	return can;
}

static bool write_built_in(int fd)
{
	bool ok = true;
	for (size_t i = 0; i < BUILT_IN_COUNT; i++)
		ok = ok && dprintf(fd, "%s\n", built_in[i]) > 0;
	return fsync(fd) == 0 && ok;
}

static void begin_file(const struct anchor *a)
{
	int fd = open(a->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		log_fatal(EX_CANTCREAT, "trust-anchor: %s/%s: %m", a->directory, a->file);
	if (!write_built_in(fd)) {
		unlink(a->file);
		log_fatal(
		    EX_IOERR, "trust-anchor: %s/%s cannot be written: %m", a->directory, a->file);
	}
	close(fd);
	log_message(LOG_NOTICE, "trust anchor: %s/%s begun with the built-in keys of the root",
	    a->directory, a->file);
}

void anchor_look(struct anchor *a)
{
	if (a->directory == NULL) {
		log_message(LOG_INFO, "trust anchor: the built-in keys of the root");
		return;
	}
	int fd = open(a->file, O_RDONLY | O_CLOEXEC);
	a->writable = can_write_beside(a);
	if (fd < 0 && errno == ENOENT && a->writable)
		begin_file(a);
	else if (fd < 0)
		log_fatal(EX_NOINPUT, "trust-anchor: %s/%s: %m", a->directory, a->file);
	if (fd >= 0)
		close(fd);
	if (a->writable)
		log_message(
		    LOG_INFO, "trust anchor: %s/%s, kept up to date", a->directory, a->file);
	else
		log_message(LOG_WARNING,
		    "trust anchor: %s/%s is read, but cannot be kept up to date: its directory "
		    "should "
		    "be writable for resolver",
		    a->directory, a->file);
}

bool anchor_apply(const struct anchor *a, struct ub_ctx *ub)
{
	int rc = 0;
	if (a->directory == NULL) {
		for (size_t i = 0; i < BUILT_IN_COUNT && rc == 0; i++)
			rc = ub_ctx_add_ta(ub, built_in[i]);
	} else if (a->writable) {
		rc = ub_ctx_add_ta_autr(ub, a->file);
	} else {
		rc = ub_ctx_add_ta_file(ub, a->file);
	}
	if (rc != 0)
		log_message(
		    LOG_ERR, "trust anchor: libunbound does not take it: %s", ub_strerror(rc));
	return rc == 0;
}
