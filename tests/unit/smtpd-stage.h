/* SPDX-License-Identifier: ISC
 *
 * The real smtpd on a stage: this process is control, directory and queue to it,
 * and its clients. Nothing here waits for time to pass: stage_until turns the
 * event loop until a condition holds, and gives up after STAGE_PATIENCE_MS only
 * because a test must end.
 */
#ifndef POSTERN_TESTS_SMTPD_STAGE_H
#define POSTERN_TESTS_SMTPD_STAGE_H

#include "common/msg-smtpd-directory.h"
#include "common/msg-smtpd-queue.h"
#include "common/wiring.h"

#include <sys/types.h>

enum { STAGE_PATIENCE_MS = 20 * 1000, STAGE_PENDING_MAX = 64 };

/* What smtpd submitted last, and how often. */
struct stage_message {
	uint64_t token;
	uint8_t repeated;
	struct buf content; /* of a large one: what is in the file */
	struct pool *pool;
	struct envelope envelope;
	struct recipient *recipients;
	size_t recipient_count;
	bool large;
};

struct stage {
	pid_t pid;
	bool ready;
	bool control_gone;
	struct channel *control, *directory, *queue;
	struct admission_table *admission;
	uint16_t port;
	int log; /* of smtpd, to read */
	struct buf log_text;
	/* directory */
	bool directory_silent;
	unsigned queries;
	uint32_t generation;
	uint32_t open_query;
	/* queue */
	bool queue_silent; /* submissions are not answered */
	bool queue_no_file;
	int queue_file;	      /* given to smtpd instead of a fresh one; -1: none */
	unsigned submissions; /* complete ones */
	unsigned abandoned;
	uint32_t open_cookie;
	uint64_t next_id;
	struct recipient early[2000]; /* of submit_recipients */
	size_t early_count;
	struct pool *early_pool;
	struct stage_message last;
	bool directory_gone, queue_gone;
};

/* `smtp` goes into the smtp section of the configuration, `top` before it. False when the program
 * cannot be started here. */
bool stage_start(struct stage *st, const char *top, const char *smtp);
void stage_stop(struct stage *st);
/* Turns the loop until `done` holds; false when it never does. */
bool stage_until(struct stage *st, bool (*done)(struct stage *st));

/* Our end of an edge that the stage does not play. */
int stage_wire(struct stage *st, enum edge_id edge);
void stage_kill_directory(struct stage *st);
void stage_connect_directory(struct stage *st);
void stage_kill_queue(struct stage *st);
void stage_connect_queue(struct stage *st);
void stage_tell_to_stop(struct stage *st);
/* What was held back because directory_silent or queue_silent was set. */
void stage_answer_query(struct stage *st);
void stage_answer_submission(struct stage *st, unsigned code, const char *text);
void stage_intake(struct stage *st, bool open);
void stage_reload(struct stage *st, const char *top, const char *smtp);
bool stage_logged(struct stage *st, const char *text);

/* A client. */
struct stage_client {
	struct stage *stage;
	int fd;
	struct buf in;
	bool closed;
};
/* From 127.0.0.`host`. */
void stage_client_open(struct stage *st, struct stage_client *c, unsigned host);
void stage_client_close(struct stage_client *c);
void stage_say(struct stage_client *c, const char *text);
void stage_say_octets(struct stage_client *c, struct str octets);
/* Fails the test unless the next reply (its last line) begins so. */
void stage_expect(struct stage_client *c, const char *prefix);
void stage_expect_closed(struct stage_client *c);
/* EHLO, MAIL and RCPT to ann with their replies. */
void stage_greet(struct stage_client *c);
void stage_envelope(struct stage_client *c);

#endif
