/* SPDX-License-Identifier: ISC */
#include "control/conf-file.h"
#include "common/mem.h"
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_PAM
static const bool pam_is_built = true;
#else
static const bool pam_is_built = false;
#endif

static bool complain(struct buf *faults, const char *path, const char *what)
{
	buf_printf(faults, "%s: %s\n", path, what);
	return false;
}

static bool complain_errno(struct buf *faults, const char *path)
{
	if (errno == ENOENT)
		return complain(faults, path,
		    "there is no such file: write one (see postern.conf(5)) or name yours with -c "
		    "FILE");
	if (errno == EACCES)
		return complain(faults, path,
		    "you may not read it: run this as the user that the file belongs to");
	buf_printf(faults, "%s: it cannot be read: %s\n", path, strerror(errno));
	return false;
}

/* Appends what the file holds and a NUL after it. */
static bool read_all(int fd, struct buf *text)
{
	for (;;) {
		uint8_t *to = buf_reserve(text, 4096);
		if (to == NULL) {
			errno = EFBIG;
			return false;
		}
		ssize_t n = read(fd, to, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		buf_commit(text, (size_t)n);
	}
	return buf_append_u8(text, 0);
}

static bool read_file(const char *path, struct buf *text, struct buf *faults)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return complain_errno(faults, path);
	bool ok = false;
	if (fstat(fd, &st) < 0)
		complain_errno(faults, path);
	else if (!S_ISREG(st.st_mode))
		complain(faults, path, "it is not a regular file");
	else if (st.st_size > CONF_FILE_MAX)
		complain(faults, path, "it is larger than 1 MiB: this cannot be a configuration");
	else if (!read_all(fd, text))
		complain_errno(faults, path);
	else
		ok = true;
	close(fd);
	return ok;
}

static bool write_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);
		if (n <= 0)
			return false;
		s = str_skip(s, (size_t)n);
	}
	return true;
}

static int seal(struct str text)
{
	int fd = memfd_create("postern-conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -1;
	if (write_all(fd, text) &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static struct conf *parse(const char *path, struct str text, struct buf *faults)
{
	struct conf_faults list = {0};
	struct conf *conf = conf_parse(path, text.p, text.n, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (list.list[i].line == 0)
			buf_printf(faults, "%s: %s\n", path, list.list[i].text);
		else
			buf_printf(
			    faults, "%s:%u: %s\n", path, list.list[i].line, list.list[i].text);
	}
	conf_faults_free(&list);
	return conf;
}

static bool can_be_done(const char *path, const struct conf *conf, struct buf *faults)
{
	if (pam_is_built || !conf->system.pam || conf->system.domains.count == 0)
		return true;
	return complain(faults, path,
	    "system-users: authentication = pam, but this Postern was built without PAM: install "
	    "libpam0g-dev, configure and build it anew, or write authentication = none");
}

bool conf_file_load(const char *path, struct conf_file *out, struct buf *faults)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX + 2 * 4096);
	*out = (struct conf_file){.fd = -1};
	if (read_file(path, &text, faults)) {
		struct str s = str_head(buf_str(&text), buf_len(&text) - 1);
		out->conf = parse(path, s, faults);
		if (out->conf != NULL && !can_be_done(path, out->conf, faults)) {
			conf_file_release(out);
		} else if (out->conf != NULL && (out->fd = seal(s)) < 0) {
			complain_errno(faults, path);
			conf_file_release(out);
		}
	}
	buf_release(&text);
	return out->conf != NULL;
}

/* The line says where something is that a command must find: "run = ..." or "spool = ...". */
static bool is_place(struct str line)
{
	static const struct str names[] = {STR("run"), STR("spool")};
	struct str s = str_trim(line);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_has_prefix(s, names[i]) &&
		    str_has_prefix(str_trim(str_skip(s, names[i].n)), STR("=")))
			return true;
	return false;
}

static struct conf *parse_places(const char *path, struct str text, bool places)
{
	struct conf_faults ignored = {0};
	struct buf reduced = BUF_INIT(2 * CONF_FILE_MAX);
	buf_append_str(&reduced, STR("hostname = \"host.invalid\"\nmailboxes = \"/%d/%n\"\n"
				     "listen smtp { address = \"127.0.0.1:25\" }\n"));
	while (places && text.n > 0) {
		struct str line = str_take_line(&text);
		if (is_place(line)) {
			buf_append_str(&reduced, line);
			buf_append_u8(&reduced, '\n');
		}
	}
	struct str s = buf_str(&reduced);
	buf_append_u8(&reduced, 0);
	struct conf *conf = conf_parse(path, (const char *)buf_data(&reduced), s.n, &ignored);
	conf_faults_free(&ignored);
	buf_release(&reduced);
	return conf;
}

bool conf_file_salvage(const char *path, struct conf_file *out)
{
	struct buf text = BUF_INIT(CONF_FILE_MAX + 2 * 4096), ignored = BUF_INIT(FAULTS_TEXT_MAX);
	*out = (struct conf_file){.fd = -1};
	if (read_file(path, &text, &ignored)) {
		struct str s = str_head(buf_str(&text), buf_len(&text) - 1);
		out->conf = parse_places(path, s, true);
		if (out->conf == NULL)
			out->conf = parse_places(path, s, false);
	}
	buf_release(&text);
	buf_release(&ignored);
	return out->conf != NULL;
}

void conf_file_release(struct conf_file *file)
{
	conf_free(file->conf);
	if (file->fd >= 0)
		close(file->fd);
	*file = (struct conf_file){.fd = -1};
}

int conf_file_reopen(const struct conf_file *file)
{
	/* A descriptor that was only duplicated would share its reading position. */
	char name[32];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file->fd);
	return open(name, O_RDONLY | O_CLOEXEC);
}

char *conf_file_absolute(const char *path)
{
	char here[PATH_MAX];
	if (path[0] == '/')
		return xstrdup(path);
	if (getcwd(here, sizeof(here)) == NULL)
		return NULL;
	return xasprintf("%s/%s", here, path);
}
