/* SPDX-License-Identifier: ISC
 *
 * resolver's edges: questions of deliver-remote, each peer with a bound of its own. main.c puts
 * it into its jail; the tests call it directly.
 */
#ifndef POSTERN_RESOLVER_SERVER_H
#define POSTERN_RESOLVER_SERVER_H

#include "common/conf.h"
#include "common/wiring.h"
#include "resolver/anchor.h"

enum {
	PEER_QUESTIONS_MAX = 2048, /* of one peer under way */
	UPKEEP_MS =
	    12 * 3600 * 1000, /* how often the root's keys are looked at, with a file of them */
	UPKEEP_AGAIN_MS = 60 * 1000, /* when that failed */
};

/* False when the configuration cannot be put into practice, which is logged. `anchor` stays the
 * caller's, and in use. */
bool server_start(const struct conf *conf, const struct anchor *anchor);
void server_peer(enum edge_id edge, unsigned instance, int fd);
/* What cannot be put into practice is logged, and the old configuration goes on. */
void server_reload(const struct conf *conf);
/* Frees everything (for the tests). */
void server_end(void);

#endif
