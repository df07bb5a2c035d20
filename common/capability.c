/* SPDX-License-Identifier: ISC
 *
 * By the system calls themselves: two of them are not worth a library in programs
 * that are root.
 */
#include "common/capability.h"
#include "common/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

enum { CAPABILITY_WORDS = 2 };

static bool is_kept(uint64_t kept, unsigned cap)
{
	return (kept >> cap & 1) != 0;
}

static void drop_from_bounding_set(uint64_t kept)
{
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!is_kept(kept, cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno != EINVAL && errno != EPERM)
			log_fatal(EX_OSERR, "capability %u cannot be dropped: %m", cap);
}

void capability_keep(uint64_t kept)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[CAPABILITY_WORDS] = {{0}};
	drop_from_bounding_set(kept);
	if (syscall(SYS_capget, &head, data) < 0)
		log_fatal(EX_OSERR, "the capabilities cannot be read: %m");
	for (unsigned cap = 0; cap < 32 * CAPABILITY_WORDS; cap++) {
		if (is_kept(kept, cap))
			continue;
		data[cap / 32].permitted &= ~(1U << cap % 32);
		data[cap / 32].effective &= ~(1U << cap % 32);
	}
	for (unsigned i = 0; i < CAPABILITY_WORDS; i++)
		data[i].inheritable = 0;
	if (syscall(SYS_capset, &head, data) < 0)
		log_fatal(EX_OSERR, "the capabilities cannot be reduced: %m");
}
