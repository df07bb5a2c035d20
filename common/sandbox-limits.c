/* SPDX-License-Identifier: ISC
 *
 * Resource limits. They only ever go down.
 */
#include "common/log.h"
#include "common/sandbox-internal.h"

#include <sys/resource.h>
#include <sysexits.h>

static void lower(__rlimit_resource_t resource, rlim_t to)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) < 0)
		log_fatal(EX_OSERR, "a resource limit cannot be read: %m");
	if (limit.rlim_max != RLIM_INFINITY && to > limit.rlim_max)
		to = limit.rlim_max;
	limit = (struct rlimit){.rlim_cur = to, .rlim_max = to};
	if (setrlimit(resource, &limit) < 0)
		log_fatal(EX_OSERR, "a resource limit cannot be set: %m");
}

void sandbox_limit(const struct sandbox *s)
{
	lower(RLIMIT_CORE, 0);
	if (s->files_max > 0)
		lower(RLIMIT_NOFILE, s->files_max);
	if (!(s->calls & (SANDBOX_THREADS | SANDBOX_FORK)))
		lower(RLIMIT_NPROC, 0);
}
