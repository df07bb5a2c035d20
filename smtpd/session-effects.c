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

static bool check_sender(
    void *ctx, const struct smtp_sender_query *query, enum sender_verdict *verdict)
{
	struct session *s = ctx;
	return directory_client_ask_sender(&s->query, query, s->auth.mark, verdict);
}

static void on_sender_answer(struct directory_query *query, enum sender_verdict verdict)
{
	struct session *s = SESSION_OF(query, query);
	smtp_server_on_sender(&s->smtp, verdict);
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

static unsigned mechanisms(void *ctx)
{
	(void)ctx;
	return auth_client_mechanisms();
}

static void auth_begin(void *ctx, unsigned mechanism, const struct str *initial)
{
	struct session *s = ctx;
	struct auth_start start = {.session = s->smtp.id,
	    .client = s->smtp.client,
	    .mechanism = (uint8_t)mechanism,
	    .has_initial = initial != NULL,
	    .initial = initial == NULL ? (struct str){NULL, 0} : *initial};
	auth_start_bind(&start, s->smtp.tls);
	auth_client_begin(&s->auth, &start);
}

static void auth_respond(void *ctx, struct str message)
{
	struct session *s = ctx;
	auth_client_respond(&s->auth, message);
}

static void auth_abort(void *ctx)
{
	struct session *s = ctx;
	auth_client_forget(&s->auth);
}

static void abandon(void *ctx)
{
	struct session *s = ctx;
	auth_client_forget(&s->auth);
	directory_client_forget(&s->query);
	queue_client_abandon(&s->submission);
}

static void on_refusal(void *ctx, const struct smtp_refusal *refusal)
{
	session_log_refusal(ctx, refusal);
}

const struct smtp_ops session_effects = {
    .check_rcpt = check_rcpt,
    .check_sender = check_sender,
    .may_take = may_take,
    .large_open = large_open,
    .large_write = large_write,
    .submit = submit,
    .mechanisms = mechanisms,
    .auth_begin = auth_begin,
    .auth_respond = auth_respond,
    .auth_abort = auth_abort,
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

static void on_challenge(struct auth_query *query, struct str message)
{
	struct session *s = SESSION_OF(query, auth);
	smtp_server_on_auth_challenge(&s->smtp, message);
	session_io_go_on(s);
}

static void on_auth_result(
    struct auth_query *query, enum login_verdict verdict, struct str login, struct str last)
{
	struct session *s = SESSION_OF(query, auth);
	smtp_server_on_auth_result(&s->smtp, verdict, login, last);
	session_io_go_on(s);
}

void session_effects_setup(void)
{
	static const struct auth_client_events auth_events = {
	    .on_challenge = on_challenge,
	    .on_result = on_auth_result,
	};
	static const struct queue_client_events events = {
	    .on_large_file = on_large_file,
	    .on_stored = on_stored,
	    .on_not_stored = on_not_stored,
	};
	directory_client_init(on_rcpt_answer, on_sender_answer);
	queue_client_init(&events);
	auth_client_init(&auth_events);
}
