/* SPDX-License-Identifier: ISC
 *
 * Passwords. Whether there is such a user shows neither in the answer nor in the
 * time it takes: who is unknown, or has no password, is checked against a
 * stand-in hash. Everything that held the password is wiped.
 *
 * A right password gets a ticket that pop3d-session knows before pop3d does.
 */
#include "common/answers.h"
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-pop3d-directory.h"
#include "directory/key.h"
#include "directory/live.h"
#include "directory/password.h"
#include "directory/server.h"
#include "directory/system-lookup.h"
#include "directory/table.h"
#include "directory/work.h"

#include <stdlib.h>
#include <sys/random.h>

/* Passwords that wait, of all workers together: some seconds' work. */
enum { QUEUE_MAX = 256 };

struct login_job {
	struct work_job job; /* first */
	uint64_t peer;
	uint32_t cookie;
	bool known; /* there is such a user, and it has a password */
	bool right;
	char hash[HASH_MAX + 1];
	size_t password_length;
	char password[PASSWORD_MAX];
	size_t address_length;
	char address[ADDRESS_MAX];
	char *session, *client; /* for the log */
};

static struct work *work;
static size_t queue_max = QUEUE_MAX;

void answer_login_set_queue(size_t max)
{
	queue_max = max;
}

static void free_job(struct login_job *j)
{
	free(j->session);
	free(j->client);
	password_wipe(j, sizeof(*j));
	free(j);
}

static void answer(struct peer *p, uint32_t cookie, enum login_verdict verdict, const char *text)
{
	const struct msg_login_answer m = {
	    .cookie = cookie, .verdict = (uint8_t)verdict, .text = str_from_cstr(text)};
	msg_login_answer_send(p->channel, &m, NULL);
}

/* Why goes to the log only. */
static void log_login(const struct login_job *j, const char *what)
{
	struct log_event ev;
	log_begin(&ev, j->right ? LOG_INFO : LOG_NOTICE, str_from_cstr(j->session));
	log_address(&ev, "user", str_from(j->address, j->address_length));
	log_str(&ev, "client", str_from_cstr(j->client));
	log_note(&ev, str_from_cstr(what));
	log_end(&ev);
}

bool answer_login_grant(struct str address, uint32_t uid, struct str ticket)
{
	struct peer *session = server_find_edge(EDGE_directory_session);
	const struct msg_session_grant m = {.ticket = ticket, .address = address, .uid = uid};
	return session != NULL && msg_session_grant_send(session->channel, &m, NULL) &&
	       channel_backlog(session->channel) == 0;
}

static void admit(struct peer *p, const struct login_job *j)
{
	char ticket[TICKET_SIZE];
	struct msg_login_answer m = {.cookie = j->cookie,
	    .verdict = LOGIN_OK,
	    .address = str_from(j->address, j->address_length),
	    .ticket = str_from(ticket, sizeof(ticket))};
	if (getrandom(ticket, sizeof(ticket), 0) == (ssize_t)sizeof(ticket) && answer_login_grant(m.address, 0, m.ticket)) {
		log_login(j, "password right");
		msg_login_answer_send(p->channel, &m, NULL);
	} else {
		log_login(j, "password right, but pop3d-session cannot be reached");
		answer(p, j->cookie, LOGIN_TEMPORARY, "mailboxes cannot be opened now");
	}
	password_wipe(ticket, sizeof(ticket));
}

static void run_login(struct work_job *job)
{
	struct login_job *j = (struct login_job *)job;
	bool right = password_check(str_from(j->password, j->password_length), j->hash);
	j->right = j->known & right;
	password_wipe(j->password, sizeof(j->password));
}

static void done_login(struct work_job *job)
{
	struct login_job *j = (struct login_job *)job;
	struct peer *p = server_find_serial(j->peer);
	if (p != NULL) {
		p->logins--;
		if (j->right) {
			admit(p, j);
		} else {
			log_login(
			    j, j->known ? "login refused: wrong password"
					: "login refused: no such user, or one without a password");
			answer(p, j->cookie, LOGIN_BAD, "");
		}
	}
	free_job(j);
}

/* The key of the login name; the name itself when it is no address. */
static void set_address(struct login_job *j, struct str user, struct pool *pool)
{
	struct str canonical, key;
	const char *why;
	if (!table_read_address(user, pool, &canonical, &why) ||
	    !key_address(canonical, pool, &key))
		key = str_head(user, ADDRESS_MAX);
	memcpy(j->address, key.p == NULL ? "" : key.p, key.n);
	j->address_length = key.n;
}

static enum lookup_result find_hash(struct login_job *j, struct pool *pool)
{
	const struct lookup lookup = live_lookup(server_live());
	struct str hash;
	enum lookup_result found =
	    lookup_get(&lookup, TABLE_USERS, str_from(j->address, j->address_length), pool, &hash);
	j->known = found == LOOKUP_FOUND && !hash_is_locked(hash) && hash.n <= HASH_MAX;
	if (j->known)
		memcpy(j->hash, hash.p, hash.n);
	else
		memcpy(j->hash, live_stand_in(server_live()), sizeof(j->hash));
	if (found == LOOKUP_FOUND)
		password_wipe((void *)(uintptr_t)hash.p, hash.n);
	return found;
}

static struct login_job *new_job(const struct peer *p, const struct msg_login_query *m)
{
	struct login_job *j = xcalloc(1, sizeof(*j));
	*j = (struct login_job){
	    .job = {.run = run_login, .done = done_login}, .peer = p->serial, .cookie = m->cookie};
	if (m->password.n > 0) {
		memcpy(j->password, m->password.p, m->password.n);
		/* The channel's own copy. */
		password_wipe((void *)(uintptr_t)m->password.p, m->password.n);
	}
	j->password_length = m->password.n;
	j->session = str_dup(m->session);
	j->client = str_dup(m->client);
	return j;
}

/* No worker's logins may crowd out the others'. */
static bool has_share(const struct peer *p)
{
	size_t workers = server_count_edge(EDGE_pop3d_directory);
	return p->logins < queue_max / (workers == 0 ? 1 : workers) + 1;
}

bool answer_login_query(void *ctx, const struct msg_login_query *m, int *fds)
{
	struct peer *p = ctx;
	struct login_job *j = new_job(p, m);
	struct pool *pool = pool_new(64 * 1024);
	(void)fds;
	set_address(j, m->user, pool);
	struct str address = str_from(j->address, j->address_length);
	struct str user = system_lookup_user(server_rules()->conf, address);
	if (user.n > 0) {
		answer_system_login(
		    p, m, address, user, str_from(j->password, j->password_length));
		free_job(j);
	} else if (find_hash(j, pool) == LOOKUP_FAILED) {
		answer(p, j->cookie, LOGIN_TEMPORARY, "the users cannot be read now");
		free_job(j);
	} else if (!has_share(p) || !work_submit(work, &j->job)) {
		answer(p, j->cookie, LOGIN_TEMPORARY, "too many logins at once");
		free_job(j);
	} else {
		p->logins++;
	}
	pool_free(pool);
	return true;
}

void answer_login_start(unsigned threads)
{
	work = work_new(threads == 0 ? 1 : threads, queue_max);
}

void answer_login_end(void)
{
	work_free(work);
	work = NULL;
}
