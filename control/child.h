/* SPDX-License-Identifier: ISC
 *
 * Starting one program: a process with exactly the descriptors that
 * common/service.c expects, an environment of three variables, a session of its
 * own and every signal as it was at boot.
 */
#ifndef POSTERN_CONTROL_CHILD_H
#define POSTERN_CONTROL_CHILD_H

#include <sys/types.h>

struct child_plan {
	const char *path;      /* of the program */
	const char *file;      /* argv[0] */
	const char *conf_path; /* argv[1], to name it in the log */
	/* All above 4; they stay the caller's. */
	int null;    /* /dev/null, for 0 and 1 */
	int log;     /* 2 */
	int channel; /* 3 */
	int conf;    /* 4 */
};

/* The process, or -1 with errno. A program that cannot be executed says so in the log and ends
 * with EX_OSFILE. */
pid_t child_start(const struct child_plan *plan);
/* `fd` duplicated above what the programs' own descriptors take, close-on-exec. Closes `fd`. */
int child_raise_fd(int fd);

#endif
