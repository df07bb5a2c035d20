/* SPDX-License-Identifier: ISC
 *
 * common/wiring.def as data: which instances of which programs there are, and
 * which pairs of them get a socket between them. Knows no process and no socket.
 */
#ifndef POSTERN_CONTROL_WIRING_H
#define POSTERN_CONTROL_WIRING_H

#include "common/answers.h"
#include "common/conf.h"
#include "common/wiring.h"

#include <stdbool.h>

struct wiring_program {
	const char *file; /* in libexec; also its name in the log */
	const char *user;
	int instances;	 /* which of the words in wiring.def */
	bool admission;	 /* its workers count clients together (counters.h) */
	bool connects;	 /* it may ask for connections to LMTP sockets (lmtp.h) */
};

struct wiring_edge {
	const char *name;
	enum program_id client;
	enum program_id server;
};

/* One instance of a program. */
struct wiring_end {
	enum program_id program;
	unsigned instance;
};

/* One socket pair that has to exist while both ends live. */
struct wiring_pair {
	enum edge_id edge;
	struct wiring_end client;
	struct wiring_end server;
};

/* Both live for ever; the ids are checked by the compiler's enum, PROGRAM_NONE and EDGE_NONE give
 * NULL. */
const struct wiring_program *wiring_program(enum program_id id);
const struct wiring_edge *wiring_edge(enum edge_id id);

/* The greater, the more it is trusted. */
unsigned wiring_rank(enum program_id id);
/* Of the two programs of an edge the one that is trusted less: it is ended when the other says that
 * it broke the protocol. */
enum program_id wiring_weaker(enum edge_id id);

/* What decides how many instances there are. */
struct wiring_size {
	unsigned workers;
	bool system_users;
	bool pam;
};

struct wiring_size wiring_size(const struct conf *conf);
unsigned wiring_instances(enum program_id id, struct wiring_size size);
/* The program whose every instance gets listeners of this kind. */
enum program_id wiring_listens(enum listener_kind kind);

typedef void wiring_pair_fn(void *ctx, const struct wiring_pair *pair);
void wiring_each_pair(struct wiring_size size, wiring_pair_fn *fn, void *ctx);
/* Those that have `end` at either side. */
void wiring_each_pair_of(struct wiring_end end, struct wiring_size size, wiring_pair_fn *fn, void *ctx);

#endif
