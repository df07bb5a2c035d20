/* SPDX-License-Identifier: ISC
 *
 * The log. One event is one record: the id it is about (a queue id or a session
 * id), named values in a fixed order, and a note. It is written as a line in the
 * shape that Postfix's tools parse,
 *
 *   postern/smtpd[311]: 4KYPsr: from=<a@example.org>, size=4096, nrcpt=1 (queue active)
 *
 * or as a JSON object. Values may come from the network: bytes that are not
 * printable ASCII or valid UTF-8 are escaped as \xHH, and each value is cut at
 * LOG_VALUE_MAX octets.
 *
 *   struct log_event ev;
 *   log_begin(&ev, LOG_INFO, id);
 *   log_address(&ev, "from", envelope->reverse_path);
 *   log_u64(&ev, "size", size);
 *   log_note(&ev, STR("queue active"));
 *   log_end(&ev);
 *
 * A value cannot pretend to be another: in the line shape a blank after a comma
 * and one before a parenthesis are escaped too, so ", " always separates.
 *
 * Lines go out at once until log_deferred(true); from then on they are written
 * together at the end of the loop's round, and log_flush writes them now. What a
 * slow reader does not take is kept up to a bound, then lines are dropped and their
 * number is logged. No line is longer than LOG_LINE_MAX with its newline, so lines
 * of several programs on one pipe do not mix. For the loop's thread only.
 */
#ifndef POSTERN_LOG_H
#define POSTERN_LOG_H

#include "common/str.h"

#include <syslog.h>

#define LOG_VALUE_MAX 1024
#define LOG_LINE_MAX  4096

enum log_format { LOG_FORMAT_LINE, LOG_FORMAT_JSON };
enum log_sink {
	LOG_SINK_STDERR, /* "program[pid]: text", for a terminal or a service manager */
	LOG_SINK_FILE,   /* with date and host in front */
	LOG_SINK_SYSLOG, /* a connected /dev/log socket */
};

/* `program` lives for ever. Until log_init the log goes to descriptor 2. */
void log_init(const char *program, const char *hostname, enum log_sink sink,
    enum log_format format, bool verbose);
/* From now on to this descriptor, which the log owns. */
void log_set_fd(int fd);
/* The descriptor the log is written to, for a forked child that closes all others. */
int log_fd(void);
/* Opens what log_set_fd or a program's descriptor 2 takes; `path` for LOG_SINK_FILE. -1 with errno. */
int log_open(enum log_sink sink, const char *path);
/* Lines may wait for the end of the loop's round: set when the loop begins, cleared when it ends. */
void log_deferred(bool deferred);

struct log_event {
	int level;
	const char *program; /* in whose name */
	bool muted; /* a debugging event, and the log is not verbose */
	bool noted; /* values that follow stand behind the note, after a blank */
	size_t n;
	size_t values;
	char text[LOG_LINE_MAX];
};

/* `level` as in syslog.h (LOG_DEBUG only when verbose); `id` may be empty. */
void log_begin(struct log_event *ev, int level, struct str id);
/* In the name of another program, where tools look for it there. */
void log_begin_as(struct log_event *ev, const char *program, int level, struct str id);
void log_str(struct log_event *ev, const char *name, struct str value);
/* In angle brackets in the line shape. */
void log_address(struct log_event *ev, const char *name, struct str value);
void log_u64(struct log_event *ev, const char *name, uint64_t value);
/* Seconds with up to two decimals, as in Postfix's delay=. */
void log_ms(struct log_event *ev, const char *name, uint64_t ms);
/* Free text at the end, in parentheses in the line shape when values came before it; one value may
 * follow, "TEXT name=value", where tools know how the text begins. */
void log_note(struct log_event *ev, struct str text);
void log_end(struct log_event *ev);
void log_flush(void);

/* An event that is only a note. The format must hold no %s with bytes from the network. */
void log_message(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Only when verbose. */
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says why and ends the program with `status` (sysexits); at start, or for our own broken invariants. */
void log_fatal(int status, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
