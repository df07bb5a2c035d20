/* SPDX-License-Identifier: ISC
 *
 * What an intruder would try, each as a function that makes a victim try it.
 */
#ifndef POSTERN_TESTS_ATTEMPT_H
#define POSTERN_TESTS_ATTEMPT_H

#include "tests/escape/inject.h"
#include "tests/escape/stage.h"

enum { DIRECTORIES_MAX = 8 };

struct attempt_world {
	const struct stage *stage;
	unsigned victim;
	/* Descriptors of the victim that are directories: ways out of an empty root. */
	int directories[DIRECTORIES_MAX];
	size_t directory_count;
	pid_t control; /* the process that started all */
};

/* What the last call gave: -errno on failure. Cleans up what it made, so that the next begins anew;
 * a victim that was killed has nothing to clean up. */
typedef long attempt_fn(struct victim *v, const struct attempt_world *w);

#define ATTEMPT(name, what, ...) attempt_fn try_##name;
#include "tests/escape/attempts.def"
#undef ATTEMPT

/* The best result of opening `path` by every way there is: as it stands, by climbing from the
 * current directory, by climbing from each directory that is open. A descriptor that it got is
 * closed. */
long reach(struct victim *v, const struct attempt_world *w, const char *path, int flags);
/* Any other program of the suite; the worst that the victim can do to one of them. */
typedef long sibling_fn(struct victim *v, pid_t sibling);
long each_sibling(struct victim *v, const struct attempt_world *w, sibling_fn *fn);

#endif
