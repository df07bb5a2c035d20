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

/* A program of the wiring, or what one made for one mailbox: */
enum stage_victim {
	STAGE_SESSION = PROGRAM_COUNT, /* ann's session, of pop3d-session */
	STAGE_DELIVERY,		       /* una's process of deliver-owner */
	STAGE_READER,		       /* una's process of pop3d-owner, without a client as yet */
	STAGE_READER_SESSION,	       /* and with one */
	STAGE_LOGIN, /* pam-check's process for una's login, in a module of PAM's */
	VICTIMS
};

enum { STAGE_ORDINARY_USER = 65534, STAGE_FIRST_USER = 64100 };

/* People of the machine, in the password file of stage_isolate: two with mail, and those who are
 * there to be refused. */
enum {
	STAGE_UNA = 59001,
	STAGE_UGO,
	STAGE_ROOTS_GROUP,
	STAGE_AT_ROOT,
	STAGE_RELATIVE_HOME,
	STAGE_HOME_OF_ANOTHER,
	STAGE_NO_HOME,
	STAGE_HOME_FOR_ALL,
	STAGE_MAILDIR_LINK,
	STAGE_MAILDIR_OF_ANOTHER,
	STAGE_HOME_LINK,
	STAGE_NOBODY_THERE, /* no such user */
};
#define STAGE_HOMES "/run/homes"
/* Where a login waits, in a module of PAM's, until it is killed. */
#define STAGE_PAM_HOLD "/run/pam-hold"

struct stage_person {
	const char *name;
	unsigned uid, gid;
	const char *home;
};
extern const struct stage_person stage_people[];

struct stage_program {
	pid_t pid;    /* 0: not running */
	bool settled; /* it is ready, or has ended before it was */
	bool ready;
	struct channel *control;
};

/* What a root parent said to the last question. */
struct stage_answer {
	uint32_t cookie;	   /* of the question */
	int fd;			   /* of the process that it made, the caller's; -1: none */
	unsigned verdict, trouble; /* enum owner_verdict, owner_trouble; 0: did not say so */
	bool done, ended;	   /* it said something; that the process has ended */
};

struct stage {
	bool root;	   /* each under a user of its own; else all as one ordinary user */
	const char *spoil; /* all that is started has a jail that broken.c breaks like this */
	char *directory;
	char *conf;
	struct stage_program programs[PROGRAM_COUNT];
	struct admission_table *counters;      /* of smtpd and pop3d, which are workers 0 of 2 */
	struct channel *grants, *sessions;     /* our ends of pop3d-session's edges */
	struct channel *owners[PROGRAM_COUNT]; /* and of the root parents' */
	struct stage_answer answer;
	uint32_t first_cookie;	/* on the present channel to a root parent */
	struct channel *logins; /* and of pam-check's */
	struct channel *reader; /* to una's process of pop3d-owner */
	int child;		/* the same, of the child that has no channel here; -1: none */
	int client;		/* of the session; -1: none */
	char *spool_file, *ann, *bob, *table, *control_socket;
	int tcp, unix_stream, abstract; /* who listens */
	char abstract_name[40];		/* begins with a NUL; no other test's */
	size_t abstract_size;
	unsigned port;
};

/* Programs for users of the machine there are for root only, and pam-check and its processes where
 * it was built. */
bool stage_has(bool root, unsigned victim);
/* "smtpd", "a user's delivery". */
const char *stage_victim_name(unsigned victim);
/* A file system of the test's own: users of the suite in the password file, an empty /run. False:
 * not allowed here. For the whole process, once. */
bool stage_isolate(void);
/* The same; says why not, for a test that is skipped then. */
bool stage_isolate_or_say(void);
/* Sections that a test adds to the configuration; NULL: none. */
extern const char *stage_conf_more;
void stage_open(struct stage *st, bool root);
/* Instead: nothing is started but what is asked for, and that is broken (broken.c): in no way when
 * `spoil` is "", and not touched when it is NULL. */
void stage_open_broken(struct stage *st, bool root, const char *spoil);
/* The program's process, started if need be. */
pid_t stage_victim(struct stage *st, unsigned victim);
/* Starts it. False: it ended before it was ready. */
bool stage_starts(struct stage *st, enum program_id program);
/* It was killed. */
void stage_forget(struct stage *st, unsigned victim);
void stage_close(struct stage *st);

/* Asks deliver-owner or pop3d-owner for a process of that user, and waits for its answer: the
 * process at work, a refusal, or its early end. */
struct stage_answer stage_ask_owner(struct stage *st, enum program_id owner, unsigned uid);
/* How often a root parent told of the end of what was asked for on an earlier channel. */
extern unsigned stage_owner_strangers;
/* Our ends of the program's edges are closed; the next question is asked on a new one. */
void stage_forget_edges(struct stage *st, enum program_id program);
/* The last of its children; 0: none. */
pid_t stage_youngest(pid_t parent);

#endif
