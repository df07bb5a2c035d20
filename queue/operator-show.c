/* SPDX-License-Identifier: ISC
 *
 * All about one message, as text: what its envelope says, what became of each
 * recipient, and its content as it is. Nothing is kept between pieces but how far
 * the text is; the message may be delivered meanwhile, which ends the text.
 */
#include "queue/operator-internal.h"
#include "queue/recipient-state.h"
#include "common/mem.h"
#include "common/queue-id.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PHASE_ENVELOPE, PHASE_RECIPIENTS, PHASE_CONTENT };

/* Two addresses, a reason, other hosts, and words around. */
#define RECIPIENT_TEXT_MAX ((size_t)4096 + TRIED_MAX * (RELAY_MAX + REASON_MAX + 20))
#define READ_MAX	   ((size_t)256 * 1024 * 1024)

static struct buf text = BUF_INIT(INLINE_CONTENT_MAX);

static void send_text(struct operator_connection *c, struct str s)
{
	const struct msg_queue_chunk m = {.text = s};
	msg_queue_chunk_send(c->channel, &m, NULL);
}

static void put_field(const char *name, struct str value)
{
	if (value.n > 0)
		buf_printf(&text, "%12s: %.*s\n", name, STR_ARG(value));
}

static void put_time(const char *name, uint64_t ms)
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char s[64];
	if (localtime_r(&seconds, &tm) == NULL ||
	    strftime(s, sizeof(s), "%Y-%m-%d %H:%M:%S %z", &tm) == 0)
		return;
	put_field(name, str_from_cstr(s));
}

/* A message read back from the spool; free() its memory with done_reading. */
struct reading {
	struct buf buf;
	struct pool *pool;
	struct envelope envelope;
	struct str content;
};

static bool read_message(struct reading *r, struct spool *spool, const struct message *m)
{
	struct spool_place place = message_place(m);
	struct recipient *recipients;
	size_t count;
	*r = (struct reading){.buf = BUF_INIT(READ_MAX), .pool = pool_new(READ_MAX)};
	return spool_read(
	    spool, m->id, &place, &r->buf, r->pool, &r->envelope, &recipients, &count, &r->content);
}

static void done_reading(struct reading *r)
{
	buf_release(&r->buf);
	pool_free(r->pool);
}

/* What its sender wants of it (RFC 8689). */
static void put_tls(unsigned flags)
{
	if (flags & ENVELOPE_REQUIRETLS)
		put_field("tls", STR("required all the way (REQUIRETLS)"));
	else if (flags & ENVELOPE_TLS_OPTIONAL)
		put_field("tls", STR("optional (TLS-Required: No)"));
}

static bool send_envelope(struct operator_connection *c, const struct message *m)
{
	char id[QUEUE_ID_SIZE];
	struct reading r;
	bool read = read_message(&r, c->all->spool, m);
	queue_id_format(m->id, id);
	buf_reset(&text);
	buf_printf(&text, "*** ENVELOPE %s ***\n", id);
	put_time("arrival", m->arrival);
	buf_printf(&text, "%12s: %llu\n", "size", (unsigned long long)m->size);
	buf_printf(&text, "%12s: <%.*s>\n", "sender", STR_ARG(message_sender(m)));
	if (read) {
		put_field("envid", r.envelope.envid);
		put_field("client", r.envelope.client);
		put_field("helo", r.envelope.helo);
		put_field("login", r.envelope.login);
		put_field("session", r.envelope.session);
		put_tls(r.envelope.flags);
	}
	done_reading(&r);
	send_text(c, buf_str(&text));
	return read;
}

/* --- recipients --------------------------------------------------------- */

struct jobs_of {
	const struct job **by_number;
};

static bool note_job(void *ctx, const struct message *m, uint16_t number, const struct job *job)
{
	struct jobs_of *jobs = ctx;
	(void)m;
	jobs->by_number[number] = job;
	return true;
}

static void put_tries(const struct message *m, uint16_t number)
{
	uint64_t first, last;
	message_tries(m, number, &first, &last);
	if (last == 0)
		return;
	put_time("first try", first);
	put_time("last try", last);
}

static void put_reason(struct why why)
{
	put_field("reason", why.text);
	for (size_t i = 0; i < why.tried_count; i++)
		buf_printf(&text, "%12s: %.*s%s%.*s\n", "also tried", STR_ARG(why.tried[i].host),
		    why.tried[i].host.n > 0 ? ": " : "", STR_ARG(why.tried[i].said));
}

static void put_recipient(
    const struct active *a, const struct message *m, uint16_t number, const struct job *job)
{
	const struct message_recipient *r = &message_recipients(m)[number];
	struct str address = message_address(m, number), original = message_original(m, number);
	put_field("recipient", address);
	if (!str_eq(address, original))
		put_field("original", original);
	put_field("state", str_from_cstr(recipient_state_name(r->state)));
	if (job != NULL && job->attempts > 0)
		buf_printf(&text, "%12s: %u\n", "attempts", job->attempts);
	if (job != NULL && r->state == RECIPIENT_DEFERRED)
		put_time("next try", active_next_try(job, moment_now()));
	put_tries(m, number);
	put_reason(reasons_why(a->reasons, r->reason));
}

/* As many as fit in one piece, from `from`; returns the next one's number. */
static uint64_t send_recipients(
    struct operator_connection *c, const struct message *m, uint64_t from)
{
	struct jobs_of jobs = {xcalloc(m->recipient_count, sizeof(*jobs.by_number))};
	active_each_open(m, note_job, &jobs);
	buf_reset(&text);
	while (from < m->recipient_count && buf_len(&text) + RECIPIENT_TEXT_MAX < text.max) {
		put_recipient(c->all->active, m, (uint16_t)from, jobs.by_number[from]);
		from++;
	}
	free(jobs.by_number);
	send_text(c, buf_str(&text));
	return from;
}

/* --- content ------------------------------------------------------------ */

static bool send_small(struct operator_connection *c, const struct message *m)
{
	struct reading r;
	bool ok = read_message(&r, c->all->spool, m);
	if (ok && r.content.n > 0)
		send_text(c, str_head(r.content, INLINE_CONTENT_MAX));
	done_reading(&r);
	return ok;
}

/* One piece of the file; how much it was, 0 at the end. */
static ssize_t send_large(struct operator_connection *c, const struct message *m, uint64_t offset)
{
	int fd = spool_large_open(c->all->spool, m->id);
	if (fd < 0)
		return -1;
	buf_reset(&text);
	ssize_t n = pread(
	    fd, buf_reserve(&text, INLINE_CONTENT_MAX - 1), INLINE_CONTENT_MAX - 1, (off_t)offset);
	close(fd);
	if (n > 0) {
		buf_commit(&text, (size_t)n);
		send_text(c, buf_str(&text));
	}
	return n;
}

/* --- phases ------------------------------------------------------------- */

static bool next_phase(struct ask *ask)
{
	ask->phase++;
	ask->offset = 0;
	return false;
}

static bool show_envelope(struct operator_connection *c, struct ask *ask, const struct message *m)
{
	if (!send_envelope(c, m))
		return ask_end(c, "its record cannot be read from the spool: postern queue verify");
	return next_phase(ask);
}

static bool show_recipients(struct operator_connection *c, struct ask *ask, const struct message *m)
{
	ask->offset = send_recipients(c, m, ask->offset);
	if (ask->offset < m->recipient_count)
		return false;
	buf_reset(&text);
	buf_printf(&text, "*** CONTENT ***\n");
	send_text(c, buf_str(&text));
	return next_phase(ask);
}

static bool show_content(struct operator_connection *c, struct ask *ask, const struct message *m)
{
	if (!(m->flags & MESSAGE_LARGE))
		return ask_end(
		    c, send_small(c, m) ? NULL : "its content cannot be read from the spool");
	ssize_t n = send_large(c, m, ask->offset);
	if (n <= 0)
		return ask_end(c, n == 0 ? NULL : "its content cannot be read from the spool");
	ask->offset += (uint64_t)n;
	return false;
}

static bool (*const phases[])(
    struct operator_connection *, struct ask *, const struct message *) = {
    [PHASE_ENVELOPE] = show_envelope,
    [PHASE_RECIPIENTS] = show_recipients,
    [PHASE_CONTENT] = show_content,
};

bool ask_show_step(struct operator_connection *c, struct ask *ask)
{
	const struct message *m = index_find(&c->all->active->messages, ask->id);
	if (m == NULL)
		return ask_end(c, ask->phase == PHASE_ENVELOPE
				      ? "there is no such message in the queue"
				      : "it was delivered while it was being shown");
	return phases[ask->phase](c, ask, m);
}
