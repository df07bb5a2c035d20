/* SPDX-License-Identifier: ISC
 *
 * Between the two halves of the log: log-event.c writes records, log.c owns the
 * settings and brings lines to where they go.
 */
#ifndef POSTERN_LOG_INTERNAL_H
#define POSTERN_LOG_INTERNAL_H

#include "common/log.h"

#include <sys/types.h>

struct log_settings {
	const char *program;
	char hostname[256];
	enum log_sink sink;
	enum log_format format;
	bool verbose;
	pid_t pid; /* 0 before log_init */
};

extern struct log_settings log_settings;

/* Takes one finished line, newline included. */
void log_put_line(const char *p, size_t n);

#endif
