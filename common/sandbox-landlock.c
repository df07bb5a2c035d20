/* SPDX-License-Identifier: ISC
 *
 * Landlock: everything the running kernel can forbid is handled, and only the
 * declared paths are given back. Constants newer than the headers that Debian 12
 * builds with are named here.
 */
#include "common/log.h"
#include "common/sandbox-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	FS_ABI1 = (1 << 13) - 1,     /* execute ... make symlink */
	FS_REFER = 1 << 13,	     /* ABI 2 */
	FS_TRUNCATE = 1 << 14,	     /* ABI 3 */
	FS_IOCTL_DEV = 1 << 15,	     /* ABI 5 */
	NET_BIND_TCP = 1 << 0,	     /* ABI 4 */
	NET_CONNECT_TCP = 1 << 1,    /* ABI 4 */
	RULE_NET_PORT = 2,	     /* ABI 4 */
	SCOPE_ABSTRACT_UNIX = 1 << 0, /* ABI 6 */
	SCOPE_SIGNAL = 1 << 1,	     /* ABI 6 */
};

/* The kernel's struct landlock_ruleset_attr as of ABI 6. */
struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

/* The kernel's struct landlock_net_port_attr. */
struct net_port_attr {
	uint64_t allowed_access;
	uint64_t port;
};

static const uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t write_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
    FS_REFER | FS_TRUNCATE;

static long landlock_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static size_t attr_size(long abi)
{
	return abi >= 6 ? sizeof(struct ruleset_attr) : abi >= 4 ? 16 : 8;
}

static struct ruleset_attr all_rights(long abi, const struct sandbox *s)
{
	struct ruleset_attr a = {.handled_access_fs = FS_ABI1};
	if (abi >= 2)
		a.handled_access_fs |= FS_REFER;
	if (abi >= 3)
		a.handled_access_fs |= FS_TRUNCATE;
	if (abi >= 4)
		a.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		a.handled_access_fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	if ((s->calls & SANDBOX_CONNECT) && s->port_count == 0)
		a.handled_access_net &= ~(uint64_t)NET_CONNECT_TCP;
	return a;
}

static void allow_path(int ruleset, const char *path, uint64_t rights, bool if_there)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	rule.parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rule.parent_fd < 0 && if_there && errno == ENOENT)
		return;
	if (rule.parent_fd < 0)
		log_fatal(EX_NOINPUT, "%s cannot be opened: %m", path);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		log_fatal(EX_OSERR, "Landlock does not take %s: %m", path);
	close(rule.parent_fd);
}

static void allow_port(int ruleset, uint64_t access, uint16_t port)
{
	const struct net_port_attr rule = {.allowed_access = access, .port = port};
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) < 0)
		log_fatal(EX_OSERR, "Landlock does not take port %u: %m", (unsigned)port);
}

int sandbox_landlock_prepare(const struct sandbox *s)
{
	long abi = landlock_abi();
	if (abi < 1)
		return -1;
	struct ruleset_attr attr = all_rights(abi, s);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(abi), 0);
	if (ruleset < 0)
		log_fatal(EX_OSERR, "Landlock cannot be set up: %m");
	for (size_t i = 0; i < s->path_count; i++) {
		uint64_t rights = s->paths[i].access == SANDBOX_READ ? read_rights : write_rights;
		allow_path(ruleset, s->paths[i].path, rights & attr.handled_access_fs,
		    s->paths[i].if_there);
	}
	/* Who connects may choose the address to do that from, but no port. */
	if ((s->calls & SANDBOX_CONNECT) && (attr.handled_access_net & NET_BIND_TCP))
		allow_port(ruleset, NET_BIND_TCP, 0);
	for (size_t i = 0; i < s->port_count && (attr.handled_access_net & NET_CONNECT_TCP); i++)
		allow_port(ruleset, NET_CONNECT_TCP, s->ports[i]);
	log_debug("Landlock level %ld", abi);
	return ruleset;
}

int sandbox_landlock_prepare_signals(void)
{
	const struct ruleset_attr attr = {.scoped = SCOPE_SIGNAL};
	if (landlock_abi() < 6)
		return -1;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		log_fatal(EX_OSERR, "Landlock cannot be set up: %m");
	return ruleset;
}

void sandbox_landlock_enforce(int ruleset)
{
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		log_fatal(EX_OSERR, "Landlock cannot be put in force: %m");
	close(ruleset);
}
