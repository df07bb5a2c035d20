/* SPDX-License-Identifier: ISC
 *
 * The suite as a whole: every program started and wired, restarted when it dies,
 * told of a new configuration, stopped in order.
 */
#ifndef POSTERN_CONTROL_SUITE_H
#define POSTERN_CONTROL_SUITE_H

#include "control/conf-file.h"
#include "control/listen.h"
#include "control/program.h"

struct suite_options {
	const char *conf_path; /* absolute */
	const char *libexec;
	/* Everything is at work, for the first time. */
	void (*on_ready)(void);
	/* The last program is gone. */
	void (*on_stopped)(int status);
};

/* Takes file and listeners; log is where the programs' log goes, above descriptor 4, and taken
 * too. Starts every program. */
void suite_start(const struct suite_options *options, const struct conf_file *file,
    const struct listeners *listeners, int log);
const struct conf *suite_conf(void);
bool suite_is_stopping(void);
/* All programs leave, in the reverse order of their start; a second call kills what is left.
 * `status` is what on_stopped gets, unless an earlier call gave another. */
void suite_stop(int status);
/* Reads the configuration anew and hands it out. When there is a fault, each is a line in
 * `faults`, the old configuration stays, and false is returned. */
bool suite_reload(struct buf *faults);
/* Opens the log anew (after a rotation) and hands it out. */
bool suite_reopen_log(struct buf *faults);
/* For SIGCHLD. */
void suite_reap(void);
/* Every row, in the order of starting. */
void suite_each(void (*fn)(void *ctx, const struct program *p), void *ctx);

#endif
