/* SPDX-License-Identifier: ISC
 *
 * What can be seen of one process from outside. It judges nothing.
 */
#ifndef POSTERN_CONTROL_AUDIT_PROCESS_H
#define POSTERN_CONTROL_AUDIT_PROCESS_H

#include "control/audit-parse.h"

#include <sys/types.h>

enum audit_kind {
	AUDIT_SOCKET,
	AUDIT_FILE,
	AUDIT_DIRECTORY,
	AUDIT_MEMORY, /* memfd */
	AUDIT_NULL,   /* /dev/null */
	AUDIT_PIPE,
	AUDIT_EVENTS,  /* epoll, eventfd, timerfd, signalfd */
	AUDIT_STRANGE, /* anything else */
};

struct audit_fd {
	int number;
	enum audit_kind kind;
	char *target; /* as the kernel names it */
	bool readable, writable, appending;
	uint64_t pipe; /* its number */
	struct audit_socket socket;
};

struct audit_process {
	pid_t pid;
	char *name; /* argv[0] */
	struct audit_status status;
	bool threads_alike; /* privileges of all threads are those of `status` */
	bool dumpable;	    /* not known of root's: false */
	uint64_t core_max, processes_max, files_max;
	bool seen; /* what follows could be looked at */
	char *root, *cwd;
	unsigned root_entries; /* of its root directory, counted up to 2 */
	bool root_writable;    /* for its user, by owner and mode */
	struct audit_fd *fds;
	size_t fd_count;
	pid_t *children;
	size_t child_count;
};

/* False when it is gone. */
bool audit_process_read(pid_t pid, struct audit_process *out);
void audit_process_reset(struct audit_process *p);

#endif
