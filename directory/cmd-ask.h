/* SPDX-License-Identifier: ISC
 *
 * What `postern auth` and `postern usage` share: asking directory over its own socket, and the
 * names of what it answers with.
 */
#ifndef POSTERN_DIRECTORY_CMD_ASK_H
#define POSTERN_DIRECTORY_CMD_ASK_H

#include "common/msg-operator-directory.h"
#include "control/command.h"

#include <jansson.h>

enum { ASK_TIME_SIZE = 32 };

/* What is asked of whom; listing_end is ask_on_end. */
struct ask_kind {
	const struct operator_directory_client_handlers *handlers;
	/* An empty name: all. */
	void (*list)(struct channel *channel, struct str name);
	void (*release)(struct channel *channel, struct str name);
	const char *released; /* "3 released" */
};

/* The handlers' ctx. */
struct ask {
	struct channel *channel;
	bool json, over, broken, ok;
	bool named;	/* it is of one alone */
	uint32_t shown; /* entries so far */
	uint32_t count; /* that were listed or released, says the end */
	char refusal[REASON_MAX + 1];
};

/* `status [NAME] [--json]` and `release NAME|--all`: a status of sysexits.h, after having said what
 * is wrong. That nothing was shown is the caller's to say. */
int ask_status(const struct command_context *ctx, struct ask *a, const struct ask_kind *kind,
    int argc, char **argv);
int ask_release(
    const struct command_context *ctx, const struct ask_kind *kind, int argc, char **argv);

bool ask_on_end(void *ctx, const struct msg_listing_end *m, int *fds);
/* The next entry of a list in JSON; frees it. */
void ask_show_json(struct ask *a, json_t *entry);

const char *ask_kind_name(uint8_t kind);
/* Local time, of milliseconds since the epoch. */
void ask_time(uint64_t ms, char out[ASK_TIME_SIZE]);

#endif
