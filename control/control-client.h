/* SPDX-License-Identifier: ISC
 *
 * One question to the control that runs, over RUN/control.sock.
 */
#ifndef POSTERN_CONTROL_CONTROL_CLIENT_H
#define POSTERN_CONTROL_CONTROL_CLIENT_H

#include "control/command.h"

#include "common/answers.h"
#include "common/buf.h"
#include "common/msg-operator-control.h"

enum control_order { CONTROL_STATUS, CONTROL_RELOAD, CONTROL_STOP };

struct control_answer {
	enum control_outcome outcome;
	struct buf text; /* what is wrong, a line each */
	/* A row of CONTROL_STATUS; may be NULL. */
	void (*on_program)(void *ctx, const struct msg_program_status *row);
	void *ctx;
};

/* Asks and waits. EX_OK when an answer came; else another status of sysexits.h, after having said
 * why on stderr. The caller releases `text`. */
int control_ask(
    const struct command_context *ctx, enum control_order order, struct control_answer *answer);

#endif
