/* SPDX-License-Identifier: ISC */
#include "control/anchor-check.h"
#include "common/limits.h"
#include "control/anchor-place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(struct buf *faults, const char *conf_path, const char *anchor, const char *why)
{
	buf_printf(faults, "%s: trust-anchor: %s: %s\n", conf_path, anchor, why);
	return false;
}

/* NULL: there is such a file, with something in it, or resolver can begin one. */
static const char *fault_of(int directory, const char *file)
{
	struct stat st;
	if (fstatat(directory, file, &st, 0) < 0) {
		if (errno != ENOENT)
			return strerrordesc_np(errno);
		return faccessat(directory, ".", W_OK, AT_EACCESS) < 0
			   ? "there is no such file, and it cannot be made there"
			   : NULL;
	}
	if (!S_ISREG(st.st_mode))
		return "it must be a file with DS or DNSKEY records of the root";
	if (st.st_size == 0)
		return "it is empty: remove it, and it is begun with the built-in records";
	return faccessat(directory, file, R_OK, AT_EACCESS) < 0 ? strerrordesc_np(errno) : NULL;
}

bool anchor_check(const struct conf *conf, const char *conf_path, struct buf *faults)
{
	const char *anchor = conf->resolver.trust_anchor;
	char directory[MAILBOX_PATH_MAX];
	if (!conf->resolver.validate || anchor == NULL)
		return true;
	struct str path = str_from_cstr(anchor);
	size_t slash = str_rfind(path, '/');
	if (slash >= path.n || slash == 0 || slash + 1 == path.n || slash >= sizeof(directory))
		return complain(
		    faults, conf_path, anchor, "it must be a file in a directory of its own");
	memcpy(directory, path.p, slash);
	directory[slash] = '\0';
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return complain(faults, conf_path, anchor,
		    errno == ENOENT
			? "its directory does not exist: make it for the user postern-dns"
			: strerrordesc_np(errno));
	const char *why = fault_of(fd, anchor + slash + 1);
	close(fd);
	if (why != NULL)
		return complain(faults, conf_path, anchor, why);
	return anchor_check_place(conf, conf_path, faults);
}

bool anchor_check_place(const struct conf *conf, const char *conf_path, struct buf *faults)
{
	struct buf why = BUF_INIT(MAILBOX_PATH_MAX * 2);
	bool own = anchor_place_is_own(conf, conf_path, &why);
	if (!own) {
		buf_append(&why, "", 1);
		complain(
		    faults, conf_path, conf->resolver.trust_anchor, (const char *)buf_data(&why));
	}
	buf_release(&why);
	return own;
}
