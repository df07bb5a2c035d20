/* SPDX-License-Identifier: ISC
 *
 * The table of processes: one row for each instance of each program, with its
 * life. What to do when something happens to one is suite.c's decision.
 *
 *   DOWN --start--> STARTING --ready--> READY --stop--> STOPPING --end--> DOWN
 */
#ifndef POSTERN_CONTROL_PROGRAM_H
#define POSTERN_CONTROL_PROGRAM_H

#include "control/backoff.h"
#include "control/child.h"
#include "control/wiring.h"

#include "common/channel.h"

enum program_state {
	PROGRAM_DOWN,
	PROGRAM_STARTING,
	PROGRAM_READY,
	PROGRAM_STOPPING,
};

struct program {
	struct wiring_end self;
	const struct wiring_program *wiring;
	enum program_state state;
	pid_t pid;		 /* 0 when down */
	struct channel *channel; /* NULL when down, or broken and about to be killed */
	const char *broken_why;	 /* why there is no channel while it lives */
	const char *killed_why;	 /* what we killed it for */
	struct event *timer;	 /* DOWN: starts it again; else: kills it */
	uint64_t started;	 /* loop_now_ms */
	uint64_t since;		 /* the same moment, loop_wall_ms */
	uint32_t restarts;
	uint32_t life; /* of all lives of all programs; 0: none yet */
	bool was_ready; /* in this life */
	struct backoff backoff;
};

struct msg_edge_broken;
struct msg_key_verdict;

struct program_table {
	struct program *list; /* in the order of starting */
	size_t count;
	/* The program answered ready. */
	void (*on_ready)(struct program *p);
	/* The process is gone; the row is DOWN already. `status` as from waitpid. */
	void (*on_ended)(struct program *p, int status);
	/* What it heard over an edge broke the protocol. */
	void (*on_edge_broken)(
	    struct program_table *t, struct program *p, const struct msg_edge_broken *m);
	/* From keys alone. */
	void (*on_key_verdict)(const struct msg_key_verdict *m);
	/* It asks for a connection to an LMTP socket, which it may; false: not so. */
	bool (*on_connect_lmtp)(struct program *p, uint32_t cookie, struct str name);
	/* The time that program_start_later was given has come. */
	void (*on_start_time)(struct program *p);
};

/* All rows, DOWN. The table lives as long as the process. */
void program_table_fill(struct program_table *t, struct wiring_size size);
struct program *program_find(struct program_table *t, struct wiring_end end);
/* It lives and can be sent messages. */
bool program_is_reachable(const struct program *p);

/* DOWN -> STARTING. `plan` has everything but the channel. False with errno: still DOWN. */
bool program_start(struct program *p, const struct child_plan *plan);
void program_start_later(struct program *p, uint64_t ms);
/* Asks it to leave and kills it after `patience_ms`. One that waits for its start stays DOWN. */
void program_stop(struct program *p, uint64_t patience_ms);
void program_kill(struct program *p, const char *why);
/* For SIGCHLD: every child that ended. */
void program_reap(struct program_table *t);

const char *program_state_name(enum program_state state);

#endif
