/* SPDX-License-Identifier: ISC
 *
 * The children of pop3d-session: how many there are, whose they are, and that
 * each end of one is told to the login worker that asked for it.
 */
#ifndef POSTERN_SESSIONS_H
#define POSTERN_SESSIONS_H

#include "common/msg-pop3d-session.h"

/* A worker asked for a session; owns the client's socket. */
struct session_request;

/* Called for each request exactly once, unless its worker is gone. */
typedef void sessions_ended_fn(unsigned worker, uint32_t cookie);

/* `root`: the mailboxes' directory, for the program's life. */
void sessions_init(int root, sessions_ended_fn *ended);
/* `worker` is below ADMISSION_WORKERS_MAX. */
struct session_request *session_request_new(
    unsigned worker, const struct msg_session_open *m, int client);
/* Both free the request. The client is told why, in words that are ours. */
void session_request_refuse(struct session_request *request, const char *why);
/* `path` of the mailbox, below the root. */
void session_request_start(struct session_request *request, struct str address, const char *path);
/* For sessions elsewhere: whether there may be another one, counting them; and what the process
 * that speaks to the client is told. The request is kept; session_request_end frees it. */
bool session_request_count(struct session_request *request);
bool session_request_send(const struct session_request *request, struct str address,
    struct channel *channel);
void session_request_end(struct session_request *request);
/* The client's socket is somebody else's now. */
void session_request_let_go(struct session_request *request);
/* Its cookies mean nothing any more. */
void sessions_forget_worker(unsigned worker);

#endif
