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
	enum program_id client_program, server_program;
};

extern const struct speak_edge speak_edges[EDGE_COUNT];

void speak_seed(uint64_t seed);
uint32_t speak_random(uint32_t below);
/* One that the client (`ask`) or the server of the edge may send, and how many descriptors belong
 * to it. False: that side sends nothing, or it did not fit. */
bool speak_message(enum edge_id edge, bool ask, struct buf *out, unsigned *descriptors);
void speak_greeting(enum edge_id edge, bool server, struct buf *out);

#endif
