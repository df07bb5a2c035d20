/* SPDX-License-Identifier: ISC
 *
 * Random messages of the edges, well formed, in no order that makes sense.
 */
#ifndef POSTERN_TESTS_SPEAK_H
#define POSTERN_TESTS_SPEAK_H

#include "common/channel.h"
#include "common/wiring.h"

struct speak_row;

struct speak_edge {
	const struct speak_row *rows;
	const struct edge_side *server;
	enum program_id client_program, server_program; /* of an edge of the wiring */
};

/* Behind the edges of the wiring, those that are in no table of it: control is the client of the
 * one, and whoever asks for processes of users that of the other. */
enum { SPEAK_SUPERVISION = EDGE_COUNT, SPEAK_SESSION_CHILD, SPEAK_EDGES };
extern const struct speak_edge speak_edges[SPEAK_EDGES];

void speak_seed(uint64_t seed);
uint32_t speak_random(uint32_t below);
/* One that the client (`ask`) or the server of the edge may send, and how many descriptors belong
 * to it. False: that side sends nothing, or it did not fit. */
bool speak_message(unsigned edge, bool ask, struct buf *out, unsigned *descriptors);
void speak_greeting(unsigned edge, bool server, struct buf *out);

#endif
