/* SPDX-License-Identifier: ISC */
#include "pop3d/login.h"
#include "common/base64.h"
#include "common/limits.h"
#include "pop3d/pop3.h"

#include <stdlib.h>

static const char no_passwords[] = "passwords are not taken on an unprotected connection";

void login_init(struct login *l, bool passwords, unsigned offer, unsigned failures_max)
{
	*l = (struct login){.passwords = passwords,
	    .offer = offer,
	    .failures_max = (uint16_t)failures_max,
	    .message = BUF_INIT(AUTH_MESSAGE_MAX)};
}

static void forget_user(struct login *l)
{
	free(l->user);
	l->user = NULL;
}

void login_wipe(struct login *l)
{
	if (l->message.p != NULL)
		explicit_bzero(l->message.p, l->message.cap);
	buf_release(&l->message);
}

void login_on_tls(struct login *l, const struct tls_facts *facts, unsigned offer)
{
	login_release(l);
	l->passwords = true;
	l->offer = offer;
	l->stls = false;
	l->tls = facts;
}

void login_release(struct login *l)
{
	forget_user(l);
	login_wipe(l);
}

/* No "<": RFC 1939 §7 would take it for an offer of APOP. */
void login_greet(struct buf *out, const char *hostname)
{
	pop3_ok(out, "%s POP3 server ready", hostname);
}

struct request {
	const struct pop3_command *command;
	struct buf *out;
};

static enum login_next ask(struct login *l, enum login_next how)
{
	l->step = LOGIN_ASKED;
	return how;
}

/* USER and PASS are PLAIN by another name: where the operator does not want that, no password is to be
 * sent. An empty offer says only that directory is away. */
static bool takes_pass(const struct login *l)
{
	return l->passwords && (l->offer == 0 || (l->offer & AUTH_PLAIN));
}

/* RFC 1939 §7. Whether there is such a user is not said before, or after, the password. */
static enum login_next on_user(struct login *l, const struct request *r)
{
	struct str user = str_trim(r->command->text);
	forget_user(l);
	if (!l->passwords) {
		pop3_err(r->out, "[AUTH]", no_passwords);
	} else if (!takes_pass(l)) {
		pop3_err(r->out, "[AUTH]", "USER and PASS are not taken, AUTH is");
	} else if (user.n == 0 || user.n > LOGIN_MAX) {
		pop3_err(r->out, "[AUTH]", "no user has such a name");
	} else {
		l->user = str_dup(user);
		pop3_ok(r->out, "send the password");
	}
	return LOGIN_READ;
}

static enum login_next on_pass(struct login *l, const struct request *r)
{
	struct str password = r->command->text;
	if (!l->passwords) {
		pop3_err(r->out, "[AUTH]", no_passwords);
		return LOGIN_READ;
	}
	if (l->user == NULL) {
		pop3_err(r->out, NULL, "send USER first");
		return LOGIN_READ;
	}
	if (password.n > PASSWORD_MAX)
		return login_answer(l, LOGIN_BAD, (struct str){NULL, 0}, r->out);
	buf_append_u8(&l->message, '\0');
	buf_append_str(&l->message, str_from_cstr(l->user));
	buf_append_u8(&l->message, '\0');
	buf_append_str(&l->message, password);
	l->mechanism = AUTH_PLAIN;
	l->has_initial = true;
	return ask(l, LOGIN_BEGIN);
}

/* RFC 5034 §4: AUTH alone asks what there is. */
static void list_mechanisms(const struct login *l, struct buf *out)
{
	pop3_ok(out, "mechanisms follow");
	for (unsigned bit = AUTH_SCRAM_SHA_256_PLUS; bit > 0; bit >>= 1)
		if (l->passwords && (l->offer & bit))
			buf_printf(out, "%s\r\n", auth_mechanism_name(bit));
	buf_printf(out, ".\r\n");
}

/* A response in base64 into l->message. */
static bool read_response(struct login *l, struct str text)
{
	size_t n = 0;
	uint8_t *to = buf_reserve(&l->message, AUTH_MESSAGE_MAX);
	if (!base64_decode(text, to, AUTH_MESSAGE_MAX, &n))
		return false;
	buf_commit(&l->message, n);
	return true;
}

/* An initial response that is empty is written "=". */
static bool read_initial(struct login *l, struct str text)
{
	l->has_initial = text.n > 0;
	return str_eq(text, STR("=")) || read_response(l, text);
}

static enum login_next on_auth(struct login *l, const struct request *r)
{
	struct str text = str_trim(r->command->text);
	struct str name = str_head(text, str_find(text, ' '));
	unsigned mechanism = auth_mechanism_find(name);
	forget_user(l);
	if (text.n == 0)
		list_mechanisms(l, r->out);
	else if (!l->passwords)
		pop3_err(r->out, "[AUTH]", no_passwords);
	else if (!(mechanism & l->offer))
		pop3_err(r->out, NULL, "there is no such mechanism here");
	else if (!read_initial(l, str_trim(str_skip(text, name.n))))
		pop3_err(r->out, NULL, "the response is not in base64, or too long");
	else {
		l->mechanism = mechanism;
		return ask(l, LOGIN_BEGIN);
	}
	login_wipe(l);
	return LOGIN_READ;
}

static enum login_next on_capa(struct login *l, const struct request *r)
{
	unsigned conditions = (takes_pass(l) ? POP3_IF_PASSWORDS : 0U) |
			      (l->passwords && l->offer != 0 ? POP3_IF_MECHANISMS : 0U) |
			      (l->stls ? POP3_IF_STLS : 0U);
	pop3_capabilities(r->out, POP3_AUTHORIZATION, conditions, l->offer);
	return LOGIN_READ;
}

static enum login_next on_stls(struct login *l, const struct request *r)
{
	if (l->stls)
		return LOGIN_STLS;
	pop3_err(r->out, NULL, l->tls != NULL ? "TLS is active already" : "there is no TLS here");
	return LOGIN_READ;
}

static enum login_next on_quit(struct login *l, const struct request *r)
{
	(void)l;
	pop3_ok(r->out, "bye");
	return LOGIN_CLOSE;
}

static enum login_next (*const handlers[POP3_VERBS])(struct login *, const struct request *) = {
    [POP3_USER] = on_user,
    [POP3_PASS] = on_pass,
    [POP3_STLS] = on_stls,
    [POP3_AUTH] = on_auth,
    [POP3_CAPA] = on_capa,
    [POP3_QUIT] = on_quit,
};

static enum login_next on_fault(struct login *l, enum pop3_fault fault, struct buf *out)
{
	if (fault == POP3_HTTP)
		return LOGIN_DROP;
	pop3_refuse(out, fault);
	return ++l->bad >= LOGIN_BAD_COMMANDS_MAX ? LOGIN_CLOSE : LOGIN_READ;
}

static enum login_next on_command(struct login *l, struct str line, struct buf *out)
{
	struct pop3_command command;
	enum pop3_fault fault = pop3_parse(line, POP3_AUTHORIZATION, &command);
	if (fault != POP3_FINE)
		return on_fault(l, fault, out);
	return handlers[command.verb](l, &(struct request){&command, out});
}

/* RFC 5034 §4: "*" gives up, in either of the steps. */
static enum login_next on_response(struct login *l, struct str line, struct buf *out)
{
	enum login_step step = l->step;
	l->step = LOGIN_COMMAND;
	if (step == LOGIN_LAST) {
		if (line.n == 0)
			return LOGIN_LET_IN;
		pop3_err(out, NULL, "the login was given up");
		return LOGIN_READ;
	}
	if (!str_eq(line, STR("*")) && read_response(l, line))
		return ask(l, LOGIN_RESPOND);
	login_wipe(l);
	pop3_err(out, NULL,
	    str_eq(line, STR("*")) ? "the login was given up"
				   : "the response is not in base64, or too long");
	return LOGIN_CANCEL;
}

static enum login_next on_line(struct login *l, struct str line, struct buf *out)
{
	if (++l->commands > LOGIN_COMMANDS_MAX) {
		pop3_err(out, NULL, "too many commands without a login");
		return LOGIN_CLOSE;
	}
	return l->step == LOGIN_COMMAND ? on_command(l, line, out) : on_response(l, line, out);
}

/* What came in clear behind STLS must not be taken for something that was said in TLS: such a
 * client is not listened to any more. */
static enum login_next begin_tls(const struct buf *in, struct buf *out)
{
	if (buf_len(in) > 0) {
		pop3_err(out, NULL, "nothing may follow STLS before TLS");
		return LOGIN_CLOSE;
	}
	pop3_ok(out, "begin TLS");
	return LOGIN_STLS;
}

enum login_next login_input(struct login *l, struct buf *in, struct buf *out)
{
	enum login_next next = LOGIN_READ;
	struct str line;
	while (next == LOGIN_READ && l->step != LOGIN_ASKED) {
		switch (pop3_take_line(in, &line)) {
		case POP3_LINE_INCOMPLETE:
			return LOGIN_READ;
		case POP3_LINE_TOO_LONG:
			pop3_err(out, NULL, "the line is too long");
			return LOGIN_CLOSE;
		case POP3_LINE:
			next = on_line(l, line, out);
			/* It may have held a password. */
			explicit_bzero((char *)(uintptr_t)line.p, line.n);
		}
	}
	if (next == LOGIN_STLS)
		next = begin_tls(in, out);
	return next;
}

static void put_challenge(struct str message, struct buf *out)
{
	buf_append_str(out, STR("+ "));
	base64_encode(out, message.p, message.n);
	buf_append_str(out, STR("\r\n"));
}

void login_challenge(struct login *l, struct str message, struct buf *out)
{
	l->step = LOGIN_CHALLENGED;
	put_challenge(message, out);
}

/* RFC 3206: [AUTH] asks the user for another password, [SYS/TEMP] does not. */
static const char *const codes[] = {
    [LOGIN_BAD] = "[AUTH]", [LOGIN_TEMPORARY] = "[SYS/TEMP]", [LOGIN_LIMITED] = "[SYS/TEMP]"};
static const char *const texts[] = {
    [LOGIN_BAD] = "wrong user name or password",
    [LOGIN_TEMPORARY] = "the password cannot be checked now, try again later",
    [LOGIN_LIMITED] = "too many failures, try again later",
};

enum login_next login_answer(
    struct login *l, enum login_verdict verdict, struct str last, struct buf *out)
{
	l->step = LOGIN_COMMAND;
	if (verdict == LOGIN_OK && last.n > 0) {
		l->step = LOGIN_LAST;
		put_challenge(last, out);
		return LOGIN_READ;
	}
	if (verdict == LOGIN_OK)
		return LOGIN_LET_IN;
	if (verdict == LOGIN_BAD)
		forget_user(l); /* RFC 1939 §7: PASS only after a USER of its own */
	pop3_err(out, codes[verdict], texts[verdict]);
	if (verdict == LOGIN_TEMPORARY)
		return LOGIN_READ;
	return ++l->failures >= l->failures_max ? LOGIN_CLOSE : LOGIN_READ;
}
