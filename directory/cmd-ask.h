/* SPDX-License-Identifier: ISC
 *
 * What `postern auth` and `postern usage` share: asking directory over its own socket, and the
 * names of what it answers with.
 */
#ifndef POSTERN_DIRECTORY_CMD_ASK_H
#define POSTERN_DIRECTORY_CMD_ASK_H

#include "common/msg-operator-directory.h"
#include "control/command.h"

enum { ASK_TIME_SIZE = 32 };

/* The handlers' ctx. */
struct ask {
	struct channel *channel;
	bool json, over, broken, ok;
	uint32_t count; /* entries so far, then what the end said */
	char refusal[REASON_MAX + 1];
};

/* A status of sysexits.h, after having said what is wrong. */
int ask_begin(const struct command_context *ctx, struct ask *a,
    const struct operator_directory_client_handlers *handlers);
/* Until the end came; the same. */
int ask_finish(struct ask *a);
/* A handler. */
bool ask_on_end(void *ctx, const struct msg_listing_end *m, int *fds);

const char *ask_kind(uint8_t kind);
/* Local time, of milliseconds since the epoch. */
void ask_time(uint64_t ms, char out[ASK_TIME_SIZE]);

#endif
