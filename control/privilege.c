/* SPDX-License-Identifier: ISC */
#include "control/privilege.h"
#include "common/capability.h"
#include "common/log.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

enum { FILES_WANTED = 65536 };

/* For control: KILL its programs, bind a low port at a reload. For the programs' way into their
 * jails: SETUID, SETGID, SYS_CHROOT, SETPCAP, and directories that are not root's. */
static const unsigned kept[] = {
    CAP_KILL,
    CAP_NET_BIND_SERVICE,
    CAP_SETUID,
    CAP_SETGID,
    CAP_SETPCAP,
    CAP_SYS_CHROOT,
    CAP_DAC_READ_SEARCH,
    CAP_CHOWN,
};

uint64_t privilege_kept(void)
{
	uint64_t mask = 0;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		mask |= UINT64_C(1) << kept[i];
	return mask;
}

static void raise_file_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= FILES_WANTED)
		return;
	const struct rlimit more = {.rlim_cur = limit.rlim_cur, .rlim_max = FILES_WANTED};
	if (setrlimit(RLIMIT_NOFILE, &more) < 0)
		log_debug(
		    "the limit of open files stays at %llu", (unsigned long long)limit.rlim_max);
}

void privilege_reduce(void)
{
	if (geteuid() == 0) {
		raise_file_limit();
		capability_keep(privilege_kept());
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_fatal(EX_OSERR, "new privileges cannot be ruled out: %m");
}
