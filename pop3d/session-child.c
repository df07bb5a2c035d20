/* SPDX-License-Identifier: ISC
 *
 * Order: other descriptors are closed, the mailbox is opened and locked, then the
 * jail is narrowed to that mailbox; only then is a byte of the client's looked at.
 *
 * The lock is an flock on the mailbox's directory, given back before the last reply
 * is sent, so that a client may log in again as soon as it has read it.
 */
#include "pop3d/session-child.h"
#include "common/dir.h"
#include "common/forked.h"
#include "common/jail.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/sandbox.h"
#include "pop3d/maildir-drop.h"
#include "pop3d/pop3.h"
#include "pop3d/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

struct child {
	const struct session_start *start;
	int mailbox; /* -1: there is none, or it is unlocked again */
	struct session *session;
	struct buf in;
	struct buf out;
	bool input_ended;
	uint64_t end;	     /* of the whole session */
	uint64_t idle_end;   /* the client must have sent a command by then */
	uint64_t output_end; /* the client must have taken something by then; 0: nothing waits */
};

static void log_session(
    const struct child *c, const struct session_counts *counts, const char *note)
{
	struct log_event ev;
	log_begin(&ev, LOG_INFO, c->start->session);
	log_str(&ev, "client", c->start->peer);
	log_address(&ev, "user", c->start->address);
	if (counts != NULL) {
		log_u64(&ev, "top", counts->topped);
		log_u64(&ev, "retr", counts->retrieved);
		log_u64(&ev, "del", counts->deleted);
		log_u64(&ev, "sent", counts->octets);
	}
	log_note(&ev, str_from_cstr(note));
	log_end(&ev);
}

/* An end without a session: told once, and closed. */
static void refuse(const struct child *c, const char *code, const char *text, const char *note)
{
	struct buf out = BUF_INIT(512);
	pop3_err(&out, code, text);
	if (send(c->start->client, buf_data(&out), buf_len(&out), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("the client of a refused session is gone");
	log_session(c, NULL, note);
	log_flush();
	_exit(0);
}

/* Waits for the parent or the client to go away; true when one of them did. */
static bool pause_ms(const struct child *c, int ms)
{
	struct pollfd fds[2] = {
	    {.fd = c->start->client}, {.fd = c->start->parent, .events = POLLIN}};
	return poll(fds, 2, ms) > 0;
}

static bool lock(const struct child *c)
{
	enum { STEP_MS = 50 };
	for (int waited = 0;; waited += STEP_MS) {
		if (flock(c->mailbox, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EWOULDBLOCK || waited >= SESSION_LOCK_MS || pause_ms(c, STEP_MS))
			return false;
	}
}

/* The directory is made when no mail has come yet, so that there is something to lock; where it
 * cannot be made (a full disk), the mailbox is empty all the same. */
static void open_mailbox(struct child *c)
{
	c->mailbox = dir_open_beneath(c->start->root, c->start->path, O_RDONLY | O_DIRECTORY);
	bool missing = c->mailbox < 0 && errno == ENOENT;
	if (missing)
		c->mailbox = dir_make_beneath(c->start->root, c->start->path);
	if (c->mailbox < 0 && !missing)
		refuse(c, "[SYS/TEMP]", "the mailbox cannot be opened",
		    "the mailbox cannot be opened: give it to the user that pop3d-session runs as, "
		    "and "
		    "have no symbolic links in its path");
	if (c->mailbox >= 0 && !lock(c))
		refuse(c, "[IN-USE]", "the mailbox is open in another session",
		    "refused: another session has the mailbox");
}

static void confine(const struct child *c)
{
	struct sandbox jail = {.calls = jail_child_calls(PROGRAM_pop3d_session)};
	if (c->mailbox >= 0)
		sandbox_allow(&jail, c->start->path, SANDBOX_WRITE);
	sandbox_narrow(&jail);
}

/* False when the client is gone. */
static bool send_output(struct child *c)
{
	while (buf_len(&c->out) > 0) {
		ssize_t n = send(c->start->client, buf_data(&c->out), buf_len(&c->out),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		uint64_t now = loop_now_ms();
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (c->output_end == 0)
				c->output_end = now + SESSION_STALL_MS;
			return true;
		}
		if (n <= 0)
			return false;
		buf_consume(&c->out, (size_t)n);
		c->idle_end = now + c->start->idle_ms;
		/* Who takes a little at a time earns time at the least rate only. */
		if (c->output_end != 0) {
			c->output_end += (uint64_t)n * 1000 / SESSION_RATE_MIN;
			if (c->output_end > now + SESSION_STALL_MS)
				c->output_end = now + SESSION_STALL_MS;
		}
	}
	c->output_end = 0;
	return true;
}

/* False when the client is gone. */
static bool take_input(struct child *c)
{
	uint8_t bytes[4096];
	size_t room = SESSION_INPUT_MAX - buf_len(&c->in);
	ssize_t n = recv(
	    c->start->client, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	c->input_ended = n == 0;
	return buf_append(&c->in, bytes, (size_t)n);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

/* Waits for what the session needs. NULL, or why it must end. */
static const char *wait_for(struct child *c, enum session_need need)
{
	bool reading = need == SESSION_INPUT && !c->input_ended;
	uint64_t now = loop_now_ms();
	uint64_t end = least(c->end, c->output_end);
	if (reading && c->output_end == 0)
		end = least(end, c->idle_end);
	if (now >= end)
		return c->output_end != 0 && end == c->output_end
			   ? "the client does not read"
			   : "the client was silent for too long";
	struct pollfd fds[2] = {
	    {.fd = c->start->client}, {.fd = c->start->parent, .events = POLLIN}};
	fds[0].events = (short)((reading ? POLLIN : 0) | (buf_len(&c->out) > 0 ? POLLOUT : 0));
	int n = poll(fds, 2, (int)(end - now < INT32_MAX ? end - now : INT32_MAX));
	if (n <= 0)
		return NULL;
	if (fds[1].revents != 0)
		return "the server is being stopped";
	if (reading && fds[0].revents & (POLLIN | POLLHUP | POLLERR) && !take_input(c))
		return "the client is gone";
	return NULL;
}

static void restart_idle_clock(struct child *c, uint64_t *commands)
{
	if (session_commands(c->session) == *commands)
		return;
	*commands = session_commands(c->session);
	c->idle_end = loop_now_ms() + c->start->idle_ms;
}

/* The mailbox is free for others from here on. */
static void unlock(struct child *c)
{
	if (c->mailbox >= 0)
		flock(c->mailbox, LOCK_UN);
}

/* Why the session ended. */
static const char *talk(struct child *c)
{
	uint64_t commands = 0;
	bool over = false;
	for (;;) {
		enum session_need need =
		    over ? SESSION_OVER : session_run(c->session, &c->in, &c->out);
		if (need == SESSION_CUT)
			return "a message could not be read to its end";
		if (need == SESSION_OVER && !over)
			unlock(c);
		over = need == SESSION_OVER;
		restart_idle_clock(c, &commands);
		if (!send_output(c))
			return "the client is gone";
		if (over && buf_len(&c->out) == 0)
			return session_has_quit(c->session) ? "logged out"
							    : "the client sent nonsense";
		if (need == SESSION_INPUT && c->input_ended && buf_len(&c->out) == 0)
			return "the client closed the connection";
		if (need == SESSION_ROOM &&
		    SESSION_OUTPUT_MAX - buf_len(&c->out) > SESSION_OUTPUT_MAX / 2)
			continue;
		const char *why = wait_for(c, need);
		if (why != NULL)
			return why;
	}
}

/* What was read away cannot make the kernel throw the last reply away. */
static void close_client(const struct child *c)
{
	char unread[4096];
	shutdown(c->start->client, SHUT_WR);
	for (int i = 0; i < 16; i++)
		if (recv(c->start->client, unread, sizeof(unread), MSG_DONTWAIT) <= 0)
			break;
	close(c->start->client);
}

void session_child(const struct session_start *start)
{
	struct child c = {.start = start,
	    .mailbox = -1,
	    .in = BUF_INIT(SESSION_INPUT_MAX),
	    .out = BUF_INIT(SESSION_OUTPUT_MAX)};
	int keep[] = {start->client, start->parent, start->root, log_fd()};
	signal(SIGCHLD, SIG_DFL);
	log_deferred(false);
	forked_close_all_but(keep, sizeof(keep) / sizeof(keep[0]));
	open_mailbox(&c);
	close(start->root);
	confine(&c);
	struct maildrop *drop = maildir_drop_open(c.mailbox);
	if (drop == NULL)
		refuse(
		    &c, "[SYS/TEMP]", "the mailbox cannot be read", "the mailbox cannot be read");
	c.session = session_new(drop);
	c.end = loop_now_ms() + SESSION_LENGTH_MAX_S * (uint64_t)1000;
	c.idle_end = loop_now_ms() + start->idle_ms;
	buf_append_str(&c.in, start->pending);
	session_greet(c.session, &c.out);
	log_session(&c, NULL, "logged in");
	const char *why = talk(&c);
	close_client(&c);
	log_session(&c, session_counts(c.session), why);
	log_flush();
	_exit(0);
}
