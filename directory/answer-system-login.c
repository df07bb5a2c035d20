/* SPDX-License-Identifier: ISC
 *
 * Logins of users of the machine. First `users` says who it is, then PAM says whether
 * the password is right, whoever it is: who is unknown, or may not have mail as
 * itself, takes as long as PAM takes for a user that it does not know. PAM never hears the
 * name of a user who is not allowed (root's password cannot be tried here).
 */
#include "common/answers.h"
#include "common/mem.h"
#include "common/msg-pop3d-directory.h"
#include "common/user-name.h"
#include "directory/pam-client.h"
#include "directory/password.h"
#include "directory/server.h"
#include "directory/system-users.h"

#include <stdlib.h>
#include <sys/random.h>

/* No user can have this name. */
#define STRANGER STR("postern!nobody")

struct system_login {
	struct system_wait wait;
	struct pam_question question;
	uint64_t peer;
	uint32_t cookie;
	enum user_verdict verdict;
	uint32_t uid;
	size_t user_n, address_n, password_n;
	char user[USER_NAME_MAX];
	char address[ADDRESS_MAX];
	char password[PASSWORD_MAX];
	char *session, *client; /* for the log; client for PAM, too */
};

static struct system_login *of_wait(struct system_wait *w)
{
	return (struct system_login *)(void *)((char *)w - offsetof(struct system_login, wait));
}

static struct system_login *of_question(struct pam_question *q)
{
	return (struct system_login *)(void *)((char *)q - offsetof(struct system_login, question));
}

static void log_login(const struct system_login *l, int level, const char *what)
{
	struct log_event ev;
	log_begin(&ev, level, str_from_cstr(l->session));
	log_address(&ev, "user", str_from(l->address, l->address_n));
	log_str(&ev, "client", str_from_cstr(l->client));
	log_note(&ev, str_from_cstr(what));
	log_end(&ev);
}

static void end(struct system_login *l)
{
	free(l->session);
	free(l->client);
	password_wipe(l, sizeof(*l));
	free(l);
}

static void refuse(
    struct system_login *l, enum login_verdict verdict, const char *text, const char *why)
{
	struct peer *p = server_find_serial(l->peer);
	const struct msg_login_answer m = {
	    .cookie = l->cookie, .verdict = (uint8_t)verdict, .text = str_from_cstr(text)};
	if (p != NULL) {
		log_login(l, LOG_NOTICE, why);
		msg_login_answer_send(p->channel, &m, NULL);
	}
	end(l);
}

static void later(struct system_login *l, const char *why)
{
	refuse(l, LOGIN_TEMPORARY, "passwords cannot be checked now", why);
}

static void admit(struct system_login *l)
{
	char ticket[TICKET_SIZE];
	struct peer *p = server_find_serial(l->peer);
	struct msg_login_answer m = {.cookie = l->cookie,
	    .verdict = LOGIN_OK,
	    .address = str_from(l->address, l->address_n),
	    .ticket = str_from(ticket, sizeof(ticket))};
	if (p == NULL) {
		end(l);
	} else if (getrandom(ticket, sizeof(ticket), 0) != (ssize_t)sizeof(ticket) ||
		   !answer_login_grant(m.address, l->uid, m.ticket)) {
		later(l, "password right, but pop3d-session cannot be reached");
	} else {
		log_login(l, LOG_INFO, "password right (PAM)");
		msg_login_answer_send(p->channel, &m, NULL);
		end(l);
	}
	password_wipe(ticket, sizeof(ticket));
}

static void on_pam(struct pam_question *q, enum pam_verdict verdict)
{
	struct system_login *l = of_question(q);
	bool known = l->verdict == USER_FOUND;
	if (verdict == PAM_RIGHT && known)
		admit(l);
	else if (verdict == PAM_LATER)
		later(l, "login put off: PAM cannot check it now");
	else if (verdict == PAM_EXPIRED && known)
		refuse(l, LOGIN_BAD, "", "login refused: the account or its password has expired");
	else
		refuse(l, LOGIN_BAD, "",
		    known ? "login refused: wrong password"
			  : "login refused: no such user, or one who gets no mail as itself");
}

static void ask_pam(struct system_login *l)
{
	struct str user = str_from(l->user, l->user_n);
	if (l->verdict == USER_BELOW || !user_name_is_sane(user))
		user = STRANGER;
	l->question.fn = on_pam;
	bool asked = pam_client_ask(
	    &l->question, user, str_from(l->password, l->password_n), str_from_cstr(l->client));
	password_wipe(l->password, sizeof(l->password));
	if (!asked)
		later(l, "login put off: pam-check is busy or not there");
}

static void find_user(struct system_login *l);

static void on_user(struct system_wait *wait)
{
	find_user(of_wait(wait));
}

static void find_user(struct system_login *l)
{
	struct str user = str_from(l->user, l->user_n);
	l->verdict = user_name_is_sane(user) ? system_users_look(user, &l->uid) : USER_NONE;
	l->wait.fn = on_user;
	if (l->verdict == 0 && system_users_wait(&l->wait, user))
		return;
	if (l->verdict == 0 || l->verdict == USER_FAILED)
		later(l, "login put off: the users of the machine cannot be looked up now");
	else
		ask_pam(l);
}

static size_t copy(char *to, size_t max, struct str s)
{
	size_t n = s.n < max ? s.n : max;
	if (n > 0)
		memcpy(to, s.p, n);
	return n;
}

void answer_system_login(struct peer *p, const struct msg_login_query *m, struct str address,
    struct str user, struct str password)
{
	struct system_login *l = xcalloc(1, sizeof(*l));
	*l = (struct system_login){.peer = p->serial,
	    .cookie = m->cookie,
	    .session = str_dup(m->session),
	    .client = str_dup(m->client)};
	l->user_n = copy(l->user, sizeof(l->user), user);
	l->address_n = copy(l->address, sizeof(l->address), address);
	l->password_n = copy(l->password, sizeof(l->password), password);
	if (server_rules()->conf->system.pam)
		find_user(l);
	else
		refuse(l, LOGIN_BAD, "",
		    "login refused: users of the machine have no password here (system-users: "
		    "authentication = none)");
}
