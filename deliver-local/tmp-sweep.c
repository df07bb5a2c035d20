/* SPDX-License-Identifier: ISC */
#include "deliver-local/tmp-sweep.h"
#include "common/dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct sweep {
	int tmp;
	time_t oldest;
	size_t seen;
	size_t removed;
};

static bool sweep_one(void *ctx, const char *name)
{
	struct sweep *s = ctx;
	struct stat st;
	if (fstatat(s->tmp, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	    st.st_mtime < s->oldest && st.st_ctime < s->oldest && unlinkat(s->tmp, name, 0) == 0)
		s->removed++;
	return ++s->seen < TMP_SWEEP_MAX;
}

size_t tmp_sweep(int tmp)
{
	struct sweep s = {.tmp = tmp, .oldest = time(NULL) - TMP_LIFETIME_S};
	dir_each(tmp, sweep_one, &s);
	return s.removed;
}
