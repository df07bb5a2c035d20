/* SPDX-License-Identifier: ISC
 *
 * What the SMTP server core asks of directory and queue for a session, and their
 * answers.
 */
#include "common/loop.h"
#include "common/queue-id.h"
#include "smtpd/session-internal.h"
#include "smtpd/session-log.h"

static bool check_rcpt(void *ctx, struct str address, struct smtp_rcpt_answer *answer)
{
	struct session *s = ctx;
	return directory_client_ask(&s->query, address, answer);
}

static void on_rcpt_answer(struct directory_query *query, const struct smtp_rcpt_answer *answer)
{
	struct session *s = SESSION_OF(query, query);
	smtp_server_on_rcpt(&s->smtp, answer);
	session_io_go_on(s);
}

static enum smtp_status may_take(void *ctx)
{
	(void)ctx;
	return queue_client_may_take();
}

static void large_open(void *ctx)
{
	struct session *s = ctx;
	queue_client_large_open(&s->submission);
}

static enum smtp_status large_write(void *ctx, struct str octets)
{
	struct session *s = ctx;
	return queue_client_large_write(&s->submission, octets);
}

static void submit(void *ctx)
{
	struct session *s = ctx;
	queue_client_submit(&s->submission, &s->smtp.txn);
}

static void abandon(void *ctx)
{
	struct session *s = ctx;
	directory_client_forget(&s->query);
	queue_client_abandon(&s->submission);
}

static void on_refusal(void *ctx, const struct smtp_refusal *refusal)
{
	session_log_refusal(ctx, refusal);
}

const struct smtp_ops session_effects = {
    .check_rcpt = check_rcpt,
    .may_take = may_take,
    .large_open = large_open,
    .large_write = large_write,
    .submit = submit,
    .abandon = abandon,
    .on_refusal = on_refusal,
    .now_ms = loop_now_ms,
    .wall_ms = loop_wall_ms,
};

static void on_large_file(struct submission *submission, enum smtp_status status)
{
	struct session *s = SESSION_OF(submission, submission);
	smtp_server_on_large_file(&s->smtp, status);
	session_io_go_on(s);
}

static void on_stored(struct submission *submission, uint64_t id)
{
	struct session *s = SESSION_OF(submission, submission);
	char text[QUEUE_ID_SIZE];
	queue_id_format(id, text);
	smtp_server_on_stored(&s->smtp, str_from_cstr(text));
	session_io_go_on(s);
}

static void on_not_stored(struct submission *submission, const struct reply *reply)
{
	struct session *s = SESSION_OF(submission, submission);
	smtp_server_on_not_stored(&s->smtp, reply);
	session_io_go_on(s);
}

void session_effects_setup(void)
{
	static const struct queue_client_events events = {
	    .on_large_file = on_large_file,
	    .on_stored = on_stored,
	    .on_not_stored = on_not_stored,
	};
	directory_client_init(on_rcpt_answer);
	queue_client_init(&events);
}
