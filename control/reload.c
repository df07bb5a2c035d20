/* SPDX-License-Identifier: ISC */
#include "control/reload.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct fixed_path {
	const char *name;
	size_t field;
} fixed_paths[] = {
    {"run", offsetof(struct conf, run)},
    {"spool", offsetof(struct conf, spool)},
    {"tables", offsetof(struct conf, tables)},
    {"mailboxes", offsetof(struct conf, mailboxes)},
};

static struct str path_in(const struct conf *conf, const struct fixed_path *p)
{
	const char *path;
	memcpy(&path, (const char *)conf + p->field, sizeof(path));
	return str_from_cstr(path);
}

static bool complain(struct buf *faults, const char *conf_path, const char *name)
{
	buf_printf(faults,
	    "%s: %s has changed, which a reload cannot bring into force: use `postern stop` and "
	    "`postern start`\n",
	    conf_path, name);
	return false;
}

bool reload_may_change(
    const struct conf *old, const struct conf *fresh, const char *conf_path, struct buf *faults)
{
	bool ok = true;
	for (size_t i = 0; i < sizeof(fixed_paths) / sizeof(fixed_paths[0]); i++)
		if (!str_eq(path_in(old, &fixed_paths[i]), path_in(fresh, &fixed_paths[i])))
			ok = complain(faults, conf_path, fixed_paths[i].name);
	if ((old->system.domains.count > 0) != (fresh->system.domains.count > 0) ||
	    old->system.pam != fresh->system.pam)
		ok = complain(faults, conf_path, "system-users");
	if (old->workers != fresh->workers)
		ok = complain(faults, conf_path, "workers");
	return ok;
}

static bool is_null_device(int fd)
{
	const dev_t null = makedev(1, 3); /* as Linux numbers it */
	struct stat s;
	return fstat(fd, &s) == 0 && S_ISCHR(s.st_mode) && s.st_rdev == null;
}

/* A terminal that hung up, a pipe or socket that nobody reads. */
static bool has_no_reader(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

bool reload_may_move_log(const struct conf *old, const struct conf *fresh, int standard_error,
    const char *conf_path, struct buf *faults)
{
	if (fresh->log_sink != LOG_SINK_STDERR || old->log_sink == LOG_SINK_STDERR)
		return true;
	if (!is_null_device(standard_error) && !has_no_reader(standard_error))
		return true;
	buf_printf(faults,
	    "%s: log is stderr, but the standard error of what runs leads nowhere, as after "
	    "`postern start --detach`: write log = syslog or the path of a file, or use `postern "
	    "stop` and `postern start`\n",
	    conf_path);
	return false;
}
