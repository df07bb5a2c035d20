/* SPDX-License-Identifier: ISC
 *
 * All programs of the suite, each started as control starts it and at work in its jail, without a
 * control that would start anew what the escape kit kills; and the things around them that an
 * intruder would like to have.
 */
#ifndef POSTERN_TESTS_ESCAPE_STAGE_H
#define POSTERN_TESTS_ESCAPE_STAGE_H

#include "common/channel.h"
#include "common/wiring.h"

#include <sys/types.h>

/* A program of the wiring, or the child that pop3d-session makes for ann's mailbox. */
enum { SESSION_CHILD = PROGRAM_COUNT, VICTIMS };

struct stage_program {
	pid_t pid; /* 0: not running */
	bool ready;
	struct channel *control;
};

struct stage {
	bool root; /* each under a user of its own; else all as one ordinary user */
	char *directory;
	char *conf;
	struct stage_program programs[PROGRAM_COUNT];
	struct channel *grants, *sessions; /* our ends of pop3d-session's edges */
	int client;			   /* of the session */
	char *spool_file, *ann, *bob, *table, *control_socket;
	int tcp, unix_stream, abstract; /* who listens */
	char abstract_name[40];		/* begins with a NUL; no other test's */
	size_t abstract_size;
	unsigned port;
};

/* Programs for users of the machine there are for root only, and pam-check where it was built. */
bool stage_has(bool root, unsigned victim);
/* A file system of the test's own: users of the suite in the password file, an empty /run. False:
 * not allowed here. For the whole process, once. */
bool stage_isolate(void);
void stage_open(struct stage *st, bool root);
/* The program's process, started if need be. */
pid_t stage_victim(struct stage *st, unsigned victim);
/* It was killed. */
void stage_forget(struct stage *st, unsigned victim);
void stage_close(struct stage *st);

#endif
