/* SPDX-License-Identifier: ISC */
#include "control/reload.h"

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
