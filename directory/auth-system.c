/* SPDX-License-Identifier: ISC
 *
 * Passwords of users of the machine. First `users` says who it is, then PAM says whether the
 * password is right, whoever it is: who is unknown, or may not have mail as itself, takes as long
 * as PAM takes for a user that it does not know. PAM never hears the name of a user who is not
 * allowed (root's password cannot be tried here), and pam-check sees to that again. Nothing is remembered: an account may be closed
 * at any time.
 *
 * The exchange is `working` as long as somebody has its wait or its question; dropped meanwhile,
 * it is freed when they come back, and a wrong password is counted.
 */
#include "common/user-name.h"
#include "directory/exchange.h"
#include "directory/key.h"
#include "directory/password.h"

/* No user can have this name. */
#define STRANGER STR("postern!nobody")

static struct exchange *of_wait(struct system_wait *w)
{
	return (struct exchange *)(void *)((char *)w - offsetof(struct exchange, wait));
}

static struct exchange *of_question(struct pam_question *q)
{
	return (struct exchange *)(void *)((char *)q - offsetof(struct exchange, question));
}

static struct str name_of(const struct exchange *x)
{
	struct str local_part, domain;
	key_split(str_from(x->address, x->address_size), &local_part, &domain);
	return local_part;
}

static void begin_working(struct exchange *x)
{
	x->working = true;
	server_find_serial(x->peer)->logins++;
}

static void end_working(struct exchange *x)
{
	struct peer *p = server_find_serial(x->peer);
	x->working = false;
	if (p != NULL)
		p->logins--;
}

static void on_pam(struct pam_question *q, enum pam_verdict verdict)
{
	struct exchange *x = of_question(q);
	bool right = verdict == PAM_RIGHT && x->known;
	end_working(x);
	if (x->dropped && (right || verdict == PAM_LATER))
		exchange_free(x);
	else if (right)
		auth_verify_succeed(x, "by PAM");
	else if (verdict == PAM_LATER)
		auth_verify_put_off(x, "PAM cannot check it now");
	else if (verdict == PAM_EXPIRED && x->known)
		auth_verify_fail(x, "the account or its password has expired");
	else
		auth_verify_fail(x, x->known ? "wrong password"
					     : "no such user, or one who gets no mail as itself");
}

static void ask_pam(struct exchange *x, enum user_verdict verdict)
{
	struct str user = name_of(x);
	if (verdict == USER_BELOW || !user_name_is_sane(user))
		user = STRANGER;
	x->known = verdict == USER_FOUND;
	x->question.fn = on_pam;
	bool asked = pam_client_ask(&x->question, user,
	    str_from(x->sasl.password, x->sasl.password_size), str_from_cstr(x->client));
	password_wipe(x->sasl.password, sizeof(x->sasl.password));
	if (asked)
		begin_working(x);
	else
		auth_verify_put_off(x, "pam-check is busy or not there");
}

static void find_user(struct exchange *x);

/* Meanwhile the guesses may have become too many. */
static void on_user(struct system_wait *wait)
{
	struct exchange *x = of_wait(wait);
	end_working(x);
	if (x->dropped)
		exchange_free(x);
	else if (auth_verify_admit(x))
		find_user(x);
}

static void find_user(struct exchange *x)
{
	struct str user = name_of(x);
	enum user_verdict verdict =
	    user_name_is_sane(user) ? system_users_look(user, &x->uid) : USER_NONE;
	x->wait.fn = on_user;
	if (verdict == 0 && system_users_wait(&x->wait, user))
		begin_working(x);
	else if (verdict == 0 || verdict == USER_FAILED)
		auth_verify_put_off(x, "the users of the machine cannot be looked up now");
	else
		ask_pam(x, verdict);
}

void auth_system_verify(struct exchange *x)
{
	if (server_rules()->conf->system.pam)
		find_user(x);
	else
		auth_verify_fail(x, "users of the machine have no password here (system-users: "
				    "authentication = none)");
}
