/* SPDX-License-Identifier: ISC
 *
 * Capabilities by the system calls themselves: two of them are not worth a
 * library in the program that is root.
 */
#include "control/privilege.h"
#include "common/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

enum { FILES_WANTED = 65536, CAPABILITY_WORDS = 2 };

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

static bool is_kept(unsigned cap)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i] == cap)
			return true;
	return false;
}

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

static void drop_from_bounding_set(void)
{
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!is_kept(cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL &&
		    errno != EPERM)
			log_fatal(EX_OSERR, "capability %u cannot be dropped: %m", cap);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[CAPABILITY_WORDS] = {{0}};
	if (syscall(SYS_capget, &head, data) < 0)
		log_fatal(EX_OSERR, "the capabilities cannot be read: %m");
	for (unsigned cap = 0; cap < 32 * CAPABILITY_WORDS; cap++) {
		if (is_kept(cap))
			continue;
		data[cap / 32].permitted &= ~(1U << cap % 32);
		data[cap / 32].effective &= ~(1U << cap % 32);
	}
	for (unsigned i = 0; i < CAPABILITY_WORDS; i++)
		data[i].inheritable = 0;
	if (syscall(SYS_capset, &head, data) < 0)
		log_fatal(EX_OSERR, "the capabilities cannot be reduced: %m");
}

void privilege_reduce(void)
{
	if (geteuid() == 0) {
		raise_file_limit();
		drop_from_bounding_set();
		drop_capabilities();
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_fatal(EX_OSERR, "new privileges cannot be ruled out: %m");
}
