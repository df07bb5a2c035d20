/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_WIRING_H
#define POSTERN_WIRING_H

#define PROGRAM(id, file, user, instances)
#define EDGE(id, client, server) EDGE_##id,
enum edge_id {
	EDGE_NONE = 0,
#include "common/wiring.def"
	EDGE_COUNT,
};
#undef PROGRAM
#undef EDGE

#define PROGRAM(id, file, user, instances) PROGRAM_##id,
#define EDGE(id, client, server)
enum program_id {
	PROGRAM_NONE = 0,
#include "common/wiring.def"
	PROGRAM_COUNT,
};
#undef PROGRAM
#undef EDGE

#endif
