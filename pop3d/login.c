/* SPDX-License-Identifier: ISC */
#include "pop3d/login.h"
#include "common/limits.h"
#include "pop3d/pop3.h"

#include <stdlib.h>

void login_init(struct login *l, bool passwords, unsigned failures_max)
{
	*l = (struct login){.passwords = passwords, .failures_max = (uint16_t)failures_max};
}

void login_on_tls(struct login *l, const struct tls_facts *facts)
{
	login_release(l);
	l->passwords = true;
	l->stls = false;
	l->tls = facts;
}

void login_release(struct login *l)
{
	free(l->user);
	l->user = NULL;
}

/* No "<": RFC 1939 §7 would take it for an offer of APOP. */
void login_greet(struct buf *out, const char *hostname)
{
	pop3_ok(out, "%s POP3 server ready", hostname);
}

struct request {
	const struct pop3_command *command;
	struct buf *out;
	struct str *password;
};

static const char no_passwords[] = "passwords are not taken on an unprotected connection";

/* RFC 1939 §7. Whether there is such a user is not said before, or after, the password. */
static enum login_next on_user(struct login *l, const struct request *r)
{
	struct str user = str_trim(r->command->text);
	login_release(l);
	if (!l->passwords) {
		pop3_err(r->out, "[AUTH]", no_passwords);
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
	*r->password = r->command->text;
	if (!l->passwords)
		pop3_err(r->out, "[AUTH]", no_passwords);
	else if (l->user == NULL)
		pop3_err(r->out, NULL, "send USER first");
	else if (r->password->n > PASSWORD_MAX)
		return login_answer(l, LOGIN_BAD, r->out);
	else
		return LOGIN_CHECK;
	return LOGIN_READ;
}

static enum login_next on_capa(struct login *l, const struct request *r)
{
	unsigned conditions =
	    (l->passwords ? POP3_IF_PASSWORDS : 0U) | (l->stls ? POP3_IF_STLS : 0U);
	pop3_capabilities(r->out, POP3_AUTHORIZATION, conditions);
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

static enum login_next on_line(
    struct login *l, struct str line, struct buf *out, struct str *password)
{
	struct pop3_command command;
	enum pop3_fault fault = pop3_parse(line, POP3_AUTHORIZATION, &command);
	if (++l->commands > LOGIN_COMMANDS_MAX) {
		pop3_err(out, NULL, "too many commands without a login");
		return LOGIN_CLOSE;
	}
	if (fault != POP3_FINE)
		return on_fault(l, fault, out);
	return handlers[command.verb](l, &(struct request){&command, out, password});
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

enum login_next login_input(struct login *l, struct buf *in, struct buf *out, struct str *password)
{
	enum login_next next = LOGIN_READ;
	struct str line;
	while (next == LOGIN_READ) {
		switch (pop3_take_line(in, &line)) {
		case POP3_LINE_INCOMPLETE:
			return LOGIN_READ;
		case POP3_LINE_TOO_LONG:
			pop3_err(out, NULL, "the line is too long");
			return LOGIN_CLOSE;
		case POP3_LINE:
			next = on_line(l, line, out, password);
		}
	}
	if (next == LOGIN_STLS)
		next = begin_tls(in, out);
	return next;
}

/* RFC 3206: [AUTH] asks the user for another password, [SYS/TEMP] does not. */
enum login_next login_answer(struct login *l, enum login_verdict verdict, struct buf *out)
{
	if (verdict != LOGIN_BAD) {
		pop3_err(out, "[SYS/TEMP]", "the password cannot be checked now, try again later");
		return LOGIN_READ;
	}
	login_release(l); /* RFC 1939 §7: PASS only after a USER of its own */
	pop3_err(out, "[AUTH]", "wrong user name or password");
	return ++l->failures >= l->failures_max ? LOGIN_CLOSE : LOGIN_READ;
}
