/* SPDX-License-Identifier: ISC
 *
 * AUTH (RFC 4954): the command, the client's responses, and what directory makes of them. Who
 * somebody is, is directory's word alone; here are the lines, base64, and when it is allowed.
 */
#include "common/base64.h"
#include "common/mem.h"
#include "smtpd/smtp-internal.h"

#include <stdlib.h>

unsigned smtp_auth_mechanisms(const struct smtp_server *s)
{
	if (!s->auth.offered || (s->tls == NULL && !s->auth.in_clear))
		return 0;
	return auth_mechanisms_here(s->ops->mechanisms(s->ctx), s->tls);
}

static enum smtp_status may_begin(const struct smtp_server *s)
{
	if (!s->auth.offered)
		return STATUS_NOT_IMPLEMENTED;
	if (s->login != NULL)
		return STATUS_AUTH_DONE;
	return s->tls == NULL && !s->auth.in_clear ? STATUS_AUTH_NO_TLS : STATUS_NONE;
}

static void ask_directory(struct smtp_server *s, const struct str *initial, struct str message)
{
	smtp_wait(s, WAIT_AUTH, PHASE_COMMAND);
	if (s->auth.begun)
		s->ops->auth_respond(s->ctx, message);
	else
		s->ops->auth_begin(s->ctx, s->auth.mechanism, initial);
}

/* A response in base64 on its way to directory. */
static enum smtp_status pass_on(struct smtp_server *s, struct str text)
{
	uint8_t raw[AUTH_MESSAGE_MAX];
	size_t n;
	if (text.n > BASE64_SIZE(AUTH_MESSAGE_MAX))
		return STATUS_AUTH_TOO_LONG;
	if (!base64_decode(text, raw, sizeof(raw), &n))
		return STATUS_AUTH_BASE64;
	struct str message = str_from(raw, n);
	ask_directory(s, &message, message);
	explicit_bzero(raw, sizeof(raw));
	return STATUS_NONE;
}

/* §4: an initial response that is empty is written "=". */
enum smtp_status verb_auth(struct smtp_server *s, const struct argument *a)
{
	struct str name = str_head(a->text, str_find(a->text, ' '));
	struct str initial = str_trim(str_skip(a->text, name.n));
	enum smtp_status status = may_begin(s);
	if (status != STATUS_NONE)
		return status;
	if (name.n == 0 || str_find(initial, ' ') < initial.n)
		return STATUS_BAD_AUTH;
	s->auth.mechanism = auth_mechanism_find(name);
	s->auth.begun = false;
	if (!(s->auth.mechanism & smtp_auth_mechanisms(s)))
		return STATUS_AUTH_MECHANISM;
	if (initial.n > 0 && !str_eq(initial, STR("=")))
		return pass_on(s, initial);
	ask_directory(s, initial.n == 0 ? NULL : &STR(""), STR(""));
	return STATUS_NONE;
}

/* The exchange is over, one way or the other. */
static void conclude(struct smtp_server *s, enum smtp_status status)
{
	s->phase = PHASE_COMMAND;
	s->auth.last = false;
	s->auth.failures += status == STATUS_AUTH_FAILED || status == STATUS_AUTH_LIMITED;
	smtp_conclude(s, status);
}

static void give_up(struct smtp_server *s, enum smtp_status status)
{
	if (s->auth.last) {
		free(s->login);
		s->login = NULL;
	} else {
		s->ops->auth_abort(s->ctx);
	}
	conclude(s, status);
}

/* §4: "*" gives up. The mechanism's last word is answered by an empty line. */
static void take_line(struct smtp_server *s, struct str line)
{
	enum smtp_status status = STATUS_AUTH_BASE64;
	if (str_eq(line, STR("*")))
		status = STATUS_AUTH_ABORTED;
	else if (s->auth.last && line.n == 0)
		return conclude(s, STATUS_AUTH_OK);
	else if (!s->auth.last)
		status = pass_on(s, line);
	if (status != STATUS_NONE)
		give_up(s, status);
}

static void take_response(struct smtp_server *s, struct str line)
{
	enum smtp_status status = smtp_take_cr(s, &line);
	if (status == STATUS_NONE)
		take_line(s, line);
	else
		give_up(s, status);
}

size_t smtp_feed_auth(struct smtp_server *s, struct str in)
{
	struct str line = str_head(in, AUTH_LINE_MAX);
	size_t n = str_find(line, '\n');
	if (n < line.n) {
		take_response(s, str_head(line, n));
		return n + 1;
	}
	if (in.n < AUTH_LINE_MAX)
		return 0;
	give_up(s, STATUS_AUTH_TOO_LONG);
	if (s->phase != PHASE_CLOSED)
		smtp_discard_line(s);
	return line.n;
}

static bool take_answer(struct smtp_server *s)
{
	if (s->wait != WAIT_AUTH)
		return false;
	s->wait = WAIT_NOTHING;
	s->phase = s->resume;
	return true;
}

static void challenge(struct smtp_server *s, struct str message)
{
	s->auth.begun = true;
	s->phase = PHASE_AUTH;
	buf_append_str(s->out, STR("334 "));
	base64_encode(s->out, message.p, message.n);
	buf_append_str(s->out, STR("\r\n"));
}

void smtp_server_on_auth_challenge(struct smtp_server *s, struct str message)
{
	if (take_answer(s))
		challenge(s, message);
}

void smtp_server_on_auth_result(
    struct smtp_server *s, enum login_verdict verdict, struct str login, struct str last)
{
	static const enum smtp_status statuses[] = {[LOGIN_OK] = STATUS_AUTH_OK,
	    [LOGIN_BAD] = STATUS_AUTH_FAILED,
	    [LOGIN_TEMPORARY] = STATUS_AUTH_TEMPORARY,
	    [LOGIN_LIMITED] = STATUS_AUTH_LIMITED};
	if (!take_answer(s))
		return;
	if (verdict == LOGIN_OK)
		s->login = str_dup(login);
	s->auth.last = verdict == LOGIN_OK && last.n > 0;
	if (s->auth.last)
		challenge(s, last);
	else
		conclude(s, statuses[verdict]);
}
