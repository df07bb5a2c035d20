/* SPDX-License-Identifier: ISC
 *
 * The whole of a small root parent: a program that is asked for processes of users
 * of the machine (msg-owner.def), starts them, and says when they end. deliver-owner and
 * pop3d-owner differ in what such a process then does, and in nothing else.
 */
#ifndef POSTERN_OWNER_H
#define POSTERN_OWNER_H

#include "common/service.h"
#include "common/system-user.h"

/* Exit statuses above it say what enum owner_trouble kept a process from its work. */
enum { OWNER_EXIT = 10 };

struct owner_kind {
	enum program_id program;
	enum edge_id edge;
	size_t processes_max; /* 0: as many as there may be sessions */
	size_t per_user_max;
	/* Runs as the user, below the home, confined to the mailbox. `channel` is an end whose
	 * other is with who asked. */
	void (*work)(int channel, const struct system_place *place) __attribute__((noreturn));
};

int owner_main(const struct owner_kind *kind, int argc, char **argv);

#endif
