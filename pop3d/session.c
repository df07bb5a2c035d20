/* SPDX-License-Identifier: ISC
 *
 * Invariants: nothing is removed before a QUIT in the TRANSACTION state; message
 * numbers never change; a command is looked at only when the reply to the one
 * before it is complete.
 *
 * A reply that may be long is a job: a function that appends one bounded step and
 * says whether there is more.
 */
#include "pop3d/session.h"
#include "common/mem.h"
#include "pop3d/pop3-text.h"
#include "pop3d/pop3.h"

#include <inttypes.h>
#include <stdlib.h>

enum { READ_BLOCK = 16 * 1024, STEP_ROOM = 2 * READ_BLOCK + 64, LISTED_PER_STEP = 128 };

enum job_state { JOB_MORE, JOB_DONE, JOB_FAILED };
typedef enum job_state job_fn(struct session *s, struct buf *out);

struct session {
	struct maildrop *drop;
	uint8_t *marked; /* one octet per message: DELE */
	size_t marked_count;
	job_fn *job;
	size_t next; /* LIST and UIDL: the message to list next */
	struct pop3_text text;
	unsigned bad;
	bool quit;
	uint64_t commands;
	struct session_counts counts;
};

struct session *session_new(struct maildrop *drop)
{
	struct session *s = xcalloc(1, sizeof(*s));
	*s = (struct session){.drop = drop, .marked = xcalloc(drop->count + 1, 1)};
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	free(s->marked);
	free(s);
}

uint64_t session_commands(const struct session *s)
{
	return s->commands;
}

bool session_has_quit(const struct session *s)
{
	return s->quit;
}

const struct session_counts *session_counts(const struct session *s)
{
	return &s->counts;
}

static void say_count(const struct session *s, struct buf *out)
{
	size_t n = s->drop->count - s->marked_count;
	pop3_ok(out, "%zu message%s", n, str_plural(n));
}

void session_greet(struct session *s, struct buf *out)
{
	say_count(s, out);
}

/* The message that the client means; false when it was refused. */
static bool find(const struct session *s, const struct pop3_command *c, struct buf *out, size_t *i)
{
	if (c->message == 0 || c->message > s->drop->count) {
		pop3_err(out, NULL, "there is no such message");
		return false;
	}
	*i = c->message - 1;
	if (s->marked[*i])
		pop3_err(out, NULL, "the message is deleted");
	return !s->marked[*i];
}

static void on_stat(struct session *s, const struct pop3_command *c, struct buf *out)
{
	uint64_t octets = 0;
	(void)c;
	for (size_t i = 0; i < s->drop->count; i++)
		if (!s->marked[i])
			octets += s->drop->ops->size(s->drop, i);
	pop3_ok(out, "%zu %" PRIu64, s->drop->count - s->marked_count, octets);
}

static void put_size(struct session *s, size_t i, struct buf *out)
{
	buf_printf(out, "%zu %" PRIu64 "\r\n", i + 1, s->drop->ops->size(s->drop, i));
}

static void put_uidl(struct session *s, size_t i, struct buf *out)
{
	char space[UIDL_MAX];
	struct str uidl = s->drop->ops->uidl(s->drop, i, space);
	buf_printf(out, "%zu %.*s\r\n", i + 1, STR_ARG(uidl));
}

static enum job_state list_step(
    struct session *s, struct buf *out, void (*put)(struct session *, size_t, struct buf *))
{
	for (unsigned n = 0; s->next < s->drop->count && n < LISTED_PER_STEP; s->next++, n++)
		if (!s->marked[s->next])
			put(s, s->next, out);
	if (s->next < s->drop->count)
		return JOB_MORE;
	buf_append(out, ".\r\n", 3);
	return JOB_DONE;
}

static enum job_state list_sizes(struct session *s, struct buf *out)
{
	return list_step(s, out, put_size);
}

static enum job_state list_uidls(struct session *s, struct buf *out)
{
	return list_step(s, out, put_uidl);
}

/* LIST and UIDL: all, or one. */
static void on_listing(struct session *s, const struct pop3_command *c, struct buf *out,
    job_fn *all, void (*put)(struct session *, size_t, struct buf *))
{
	size_t i;
	if (!c->has_message) {
		say_count(s, out);
		s->next = 0;
		s->job = all;
	} else if (find(s, c, out, &i)) {
		buf_append(out, "+OK ", 4);
		put(s, i, out);
	}
}

static void on_list(struct session *s, const struct pop3_command *c, struct buf *out)
{
	on_listing(s, c, out, list_sizes, put_size);
}

static void on_uidl(struct session *s, const struct pop3_command *c, struct buf *out)
{
	on_listing(s, c, out, list_uidls, put_uidl);
}

/* Once octets were sent there is no way to say that the rest cannot be read: the connection is cut,
 * so that the client does not take a part for the whole. */
static enum job_state send_message(struct session *s, struct buf *out)
{
	static char block[READ_BLOCK];
	ssize_t n = s->text.done ? 0 : s->drop->ops->read(s->drop, block, sizeof(block));
	if (n > 0) {
		char *to = (char *)buf_reserve(out, 2 * (size_t)n);
		buf_commit(out, pop3_text_put(&s->text, block, (size_t)n, to));
		return JOB_MORE;
	}
	s->drop->ops->close(s->drop);
	if (n < 0)
		return JOB_FAILED;
	char *to = (char *)buf_reserve(out, POP3_TEXT_END_SLACK);
	buf_commit(out, pop3_text_end(&s->text, to));
	return JOB_DONE;
}

static bool begin_message(
    struct session *s, const struct pop3_command *c, struct buf *out, uint64_t lines)
{
	size_t i;
	if (!find(s, c, out, &i))
		return false;
	if (!s->drop->ops->open(s->drop, i)) {
		pop3_err(out, "[SYS/TEMP]", "the message cannot be read");
		return false;
	}
	if (lines == POP3_TEXT_ALL)
		pop3_ok(out, "%" PRIu64 " octets", s->drop->ops->size(s->drop, i));
	else
		pop3_ok(out, "the top of the message follows");
	pop3_text_init(&s->text, lines);
	s->job = send_message;
	return true;
}

static void on_retr(struct session *s, const struct pop3_command *c, struct buf *out)
{
	s->counts.retrieved += begin_message(s, c, out, POP3_TEXT_ALL);
}

static void on_top(struct session *s, const struct pop3_command *c, struct buf *out)
{
	s->counts.topped += begin_message(s, c, out, c->lines);
}

static void on_dele(struct session *s, const struct pop3_command *c, struct buf *out)
{
	size_t i;
	if (!find(s, c, out, &i))
		return;
	s->marked[i] = 1;
	s->marked_count++;
	pop3_ok(out, "deleted at QUIT");
}

static void on_noop(struct session *s, const struct pop3_command *c, struct buf *out)
{
	(void)s;
	(void)c;
	pop3_ok(out, "still here");
}

static void on_rset(struct session *s, const struct pop3_command *c, struct buf *out)
{
	(void)c;
	memset(s->marked, 0, s->drop->count);
	s->marked_count = 0;
	say_count(s, out);
}

static void on_capa(struct session *s, const struct pop3_command *c, struct buf *out)
{
	(void)s;
	(void)c;
	pop3_capabilities(out, POP3_TRANSACTION, POP3_IF_PASSWORDS, 0);
}

/* The UPDATE state, RFC 1939 §6. */
static void on_quit(struct session *s, const struct pop3_command *c, struct buf *out)
{
	(void)c;
	for (size_t i = 0; i < s->drop->count; i++)
		if (s->marked[i])
			s->counts.deleted += s->drop->ops->remove(s->drop, i);
	s->quit = true;
	if (s->counts.deleted == s->marked_count)
		pop3_ok(out, "bye");
	else
		pop3_err(out, "[SYS/TEMP]", "some deleted messages not removed");
}

static void (*const handlers[POP3_VERBS])(
    struct session *, const struct pop3_command *, struct buf *) = {
    [POP3_STAT] = on_stat,
    [POP3_LIST] = on_list,
    [POP3_RETR] = on_retr,
    [POP3_DELE] = on_dele,
    [POP3_TOP] = on_top,
    [POP3_UIDL] = on_uidl,
    [POP3_NOOP] = on_noop,
    [POP3_RSET] = on_rset,
    [POP3_CAPA] = on_capa,
    [POP3_QUIT] = on_quit,
};

/* False when the client has sent nonsense for too long. */
static bool on_line(struct session *s, struct str line, struct buf *out)
{
	struct pop3_command command;
	enum pop3_fault fault = pop3_parse(line, POP3_TRANSACTION, &command);
	s->commands++;
	if (fault == POP3_FINE) {
		handlers[command.verb](s, &command, out);
		return true;
	}
	if (fault == POP3_HTTP)
		return false;
	pop3_refuse(out, fault);
	return ++s->bad < SESSION_BAD_COMMANDS_MAX;
}

static bool has_room(const struct buf *out)
{
	return out->max - buf_len(out) >= STEP_ROOM;
}

/* One command, or one step of a reply. SESSION_ROOM: there may be more to do. */
static enum session_need step(struct session *s, struct buf *in, struct buf *out)
{
	struct str line;
	if (s->job != NULL) {
		enum job_state state = s->job(s, out);
		if (state != JOB_MORE)
			s->job = NULL;
		return state == JOB_FAILED ? SESSION_CUT : SESSION_ROOM;
	}
	switch (pop3_take_line(in, &line)) {
	case POP3_LINE_INCOMPLETE:
		return SESSION_INPUT;
	case POP3_LINE_TOO_LONG:
		pop3_err(out, NULL, "the line is too long");
		return SESSION_OVER;
	case POP3_LINE:
		break;
	}
	return on_line(s, line, out) && !s->quit ? SESSION_ROOM : SESSION_OVER;
}

enum session_need session_run(struct session *s, struct buf *in, struct buf *out)
{
	enum session_need need = SESSION_ROOM;
	size_t before = buf_len(out);
	while (need == SESSION_ROOM && has_room(out))
		need = step(s, in, out);
	s->counts.octets += buf_len(out) - before;
	return need;
}
