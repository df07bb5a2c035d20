/* SPDX-License-Identifier: ISC
 *
 * Is it who it says? Passwords are hashed on threads, in turns by client network; SCRAM's proofs
 * take no time. The guesses are asked before anything is tried: when an exchange begins, at each
 * message, and again before a password that has waited is hashed. Vain tries always count.
 */
#include "common/hash.h"
#include "common/loop.h"
#include "common/mem.h"
#include "directory/exchange.h"
#include "directory/live.h"
#include "directory/login-mark.h"
#include "directory/login-name.h"
#include "directory/password.h"
#include "directory/state-store.h"
#include "directory/stranger.h"
#include "directory/system-lookup.h"
#include "directory/turns.h"
#include "directory/user-record.h"

#include <stdio.h>

enum {
	/* Passwords that wait, of all workers together: some seconds' work. */
	QUEUE_MAX = 256,
	LINE_MAX = 32,	     /* of one network */
	FRONT_END_LINES = 8, /* a front end has as many as so many networks */
};

static struct work *work;
static struct turns *turns;
static struct login_cache *cache;
static struct guesses *guesses;
static struct state_store *store;
static size_t queue_max = QUEUE_MAX;

void auth_verify_set_queue(size_t max)
{
	queue_max = max;
}

struct guesses *auth_verify_guesses(void)
{
	return guesses;
}

static struct str login_of(const struct exchange *x)
{
	return str_from(x->address, x->address_size);
}

/* The line that fail2ban reads: doc/man/postern.8, conf/fail2ban. Why goes to the log only. */
static void log_login(const struct exchange *x, int level, const char *what, const char *why)
{
	struct log_event ev;
	char note[128];
	log_begin(&ev, level, str_from_cstr(x->session));
	log_str(&ev, "client", str_from_cstr(x->client));
	log_str(&ev, "protocol", str_from_cstr(exchange_protocol(x)));
	log_str(&ev, "mechanism", str_from_cstr(auth_mechanism_name(x->sasl.mechanism)));
	log_address(&ev, "login", x->address_size > 0 ? login_of(x) : sasl_user(&x->sasl));
	snprintf(note, sizeof(note), "%s%s%s", what, why[0] == '\0' ? "" : ": ", why);
	log_note(&ev, str_from_cstr(note));
	log_end(&ev);
}

/* ---- the four ends ---------------------------------------------------------------- */

static void fail(struct exchange *x, uint64_t attempt, const char *why)
{
	log_login(x, LOG_NOTICE, "login failed", why);
	uint64_t refusals = guesses_refusals(guesses);
	unsigned delay_ms = guesses_failed(guesses, &x->from, login_of(x), attempt, loop_wall_ms());
	if (guesses_refusals(guesses) != refusals)
		state_store_hurry(store);
	if (x->dropped)
		exchange_free(x);
	else
		exchange_refuse(x, LOGIN_BAD, delay_ms);
}

void auth_verify_fail(struct exchange *x, const char *why)
{
	uint64_t attempt;
	memcpy(&attempt, x->digest, sizeof(attempt));
	fail(x, attempt, why);
}

void auth_verify_put_off(struct exchange *x, const char *why)
{
	log_login(x, LOG_NOTICE, "login not tried", why);
	exchange_refuse(x, LOGIN_TEMPORARY, 0);
}

void auth_verify_succeed(struct exchange *x, const char *how)
{
	guesses_succeeded(guesses, &x->from, login_of(x), loop_wall_ms());
	log_login(x, LOG_INFO, "login", how);
	exchange_let_in(x);
}

bool auth_verify_admit(struct exchange *x)
{
	uint64_t now_ms = loop_wall_ms();
	if (guesses_may_try(guesses, &x->from, login_of(x), now_ms))
		return true;
	log_login(x, LOG_NOTICE, "login refused", "too many failures");
	exchange_refuse(x, LOGIN_LIMITED, guesses_delay(guesses, &x->from, login_of(x), now_ms));
	return false;
}

/* ---- passwords --------------------------------------------------------------------- */

static void run_hash(struct work_job *job)
{
	struct exchange *x = (struct exchange *)job;
	bool right = password_verify(str_from(x->sasl.password, x->sasl.password_size), x->hash);
	x->right = x->known & right;
	password_wipe(x->sasl.password, sizeof(x->sasl.password));
}

static void start_next(void);

static void decide(struct exchange *x)
{
	if (!x->right) {
		auth_verify_fail(
		    x, x->known ? "wrong password" : "no such user, or one without a password");
	} else if (x->dropped) {
		exchange_free(x);
	} else {
		login_cache_add(cache, x->digest, loop_now_ms());
		auth_verify_succeed(x, "");
	}
}

static void leave_turn(struct exchange *x)
{
	struct peer *p = server_find_serial(x->peer);
	x->working = false;
	if (p != NULL)
		p->logins--;
}

static void done_hash(struct work_job *job)
{
	struct exchange *x = (struct exchange *)job;
	turns_done(turns, str_from(x->line, x->line_size));
	leave_turn(x);
	decide(x);
	start_next();
}

/* Between its arrival and its turn the guesses may have become too many. */
static void start_next(void)
{
	struct exchange *x;
	while ((x = turns_next(turns)) != NULL) {
		if (!x->dropped &&
		    guesses_may_try(guesses, &x->from, login_of(x), loop_wall_ms()) &&
		    work_submit(work, &x->job))
			continue;
		turns_done(turns, str_from(x->line, x->line_size));
		leave_turn(x);
		if (x->dropped)
			exchange_free(x);
		else if (auth_verify_admit(x))
			exchange_refuse(x, LOGIN_TEMPORARY, 0);
	}
}

/* No worker's logins may crowd out the others', and guesses not those of who is known there. */
static bool has_share(const struct peer *p, enum turns_class class)
{
	size_t workers =
	    server_count_edge(EDGE_pop3d_directory) + server_count_edge(EDGE_smtpd_directory);
	size_t share = queue_max / (workers == 0 ? 1 : workers) + 1;
	return p->logins < (class == TURNS_FIRST ? 2 * share : share);
}

/* Who logs in from where they did lately does not wait behind those who guess from everywhere. */
static enum turns_class set_line(struct exchange *x)
{
	enum turns_class class = guess_is_good(guesses, &x->from, login_of(x), loop_wall_ms())
				     ? TURNS_FIRST
				     : TURNS_OTHER;
	/* IPv4: the /24, IPv6: the /64; programs of this machine: one for all. */
	size_t prefix = x->from.size == 4 ? 3 : x->from.size / 2;
	x->line[0] = (uint8_t) class;
	memcpy(x->line + 1, x->from.address, prefix);
	x->line_size = 1 + prefix;
	if (x->from.shared)
		x->line[x->line_size++] =
		    (uint8_t)(hash_bytes(x->address, x->address_size) % FRONT_END_LINES);
	return class;
}

static void queue_hash(struct exchange *x)
{
	struct peer *p = server_find_serial(x->peer);
	x->job = (struct work_job){.run = run_hash, .done = done_hash};
	enum turns_class class = set_line(x);
	if (!has_share(p, class) || !turns_add(turns, class, str_from(x->line, x->line_size), x)) {
		auth_verify_put_off(x, "too many at once");
		return;
	}
	x->working = true;
	p->logins++;
	start_next();
}

/* ---- users ------------------------------------------------------------------------- */

/* The login's key, and whether the client wants to be nobody else. */
static bool set_address(struct exchange *x)
{
	struct pool *pool = pool_new(64 * 1024);
	const struct lookup tables = live_lookup(server_live());
	const struct str domain = system_lookup_login_domain(server_rules()->conf);
	struct str key = login_name_key(sasl_user(&x->sasl), domain, &tables, pool);
	struct str as = str_from(x->sasl.as, x->sasl.as_size);
	memcpy(x->address, key.p == NULL ? "" : key.p, key.n);
	x->address_size = key.n;
	bool same = as.n == 0 || str_eq(login_name_key(as, domain, &tables, pool), key);
	pool_free(pool);
	return same;
}

static enum lookup_result find_user(
    const struct exchange *x, struct pool *pool, struct str *value, struct user_record *out)
{
	const struct lookup lookup = live_lookup(server_live());
	*value = (struct str){NULL, 0};
	enum lookup_result found = lookup_get(&lookup, TABLE_USERS, login_of(x), pool, value);
	*out = (struct user_record){.has_keys = false};
	if (found == LOOKUP_FOUND && user_record_parse(*value, out) != NULL)
		out->has_keys = false;
	return found;
}

static bool has_hash(const struct user_record *user)
{
	return user->hash.n > 0 && user->hash.n <= HASH_MAX && !hash_is_locked(user->hash);
}

static void set_hash(struct exchange *x, bool found, const struct user_record *user)
{
	x->known = found && has_hash(user);
	if (x->known)
		memcpy(x->hash, user->hash.p, user->hash.n);
	else
		stranger_hash(server_live(), login_of(x), x->hash);
}

static void verify_password(struct exchange *x, const struct user_record *user, bool found)
{
	set_hash(x, found, user);
	login_cache_digest(cache, login_of(x), str_from(x->sasl.password, x->sasl.password_size),
	    str_from_cstr(x->hash), x->digest);
	if (x->known && login_cache_has(cache, x->digest, loop_now_ms()))
		auth_verify_succeed(x, "remembered");
	else
		queue_hash(x);
}

/* A user of the machine; to SCRAM such are strangers, as no table has their keys. */
static void verify_system(struct exchange *x)
{
	login_cache_digest(cache, login_of(x), str_from(x->sasl.password, x->sasl.password_size),
	    STR("PAM"), x->digest);
	if (has_share(server_find_serial(x->peer), TURNS_OTHER))
		auth_system_verify(x);
	else
		auth_verify_put_off(x, "too many at once");
}

static void verify_scram(struct exchange *x, const struct user_record *user)
{
	bool known = user->has_keys && !hash_is_locked(user->hash);
	struct scram_keys stand_in;
	stranger_keys(server_live(), login_of(x), has_hash(user), &stand_in);
	auth_verify_step(x, sasl_keys(&x->sasl, known ? &user->keys : &stand_in, known));
}

/* The name is known now. */
static void verify(struct exchange *x)
{
	struct user_record user;
	struct str value;
	if (!set_address(x)) {
		fail(x, 0, "as somebody else");
		return;
	}
	if (!auth_verify_admit(x))
		return;
	bool keys = x->sasl.step == SASL_WAITS_FOR_KEYS;
	if (!keys && system_lookup_user(server_rules()->conf, login_of(x)).n > 0) {
		verify_system(x);
		return;
	}
	struct pool *pool = pool_new(64 * 1024);
	enum lookup_result found = find_user(x, pool, &value, &user);
	x->mark = login_mark(login_of(x), value);
	if (found == LOOKUP_FAILED) {
		auth_verify_put_off(x, "the users cannot be read now");
	} else if (keys) {
		verify_scram(x, &user);
	} else {
		verify_password(x, &user, found == LOOKUP_FOUND);
	}
	password_wipe((void *)(uintptr_t)value.p, value.n);
	password_wipe(&user, sizeof(user));
	pool_free(pool);
}

void auth_verify_step(struct exchange *x, enum sasl_next next)
{
	switch (next) {
	case SASL_CHALLENGE:
		exchange_challenge(x);
		break;
	case SASL_PASSWORD:
	case SASL_KEYS:
		verify(x);
		break;
	case SASL_PROVED:
		auth_verify_succeed(x, "");
		break;
	case SASL_REFUSED:
		if (x->address_size == 0)
			set_address(x);
		fail(x, 0, x->sasl.why);
		break;
	}
}

/* ---- the whole ----------------------------------------------------------------------- */

static struct guess_limits limits_of(const struct conf *conf)
{
	return (struct guess_limits){.address_failures = conf->auth.failures,
	    .login_failures = conf->auth.login_failures,
	    .refuse_ms = conf->auth.refuse * (uint64_t)1000,
	    .forget_ms = conf->auth.forget * (uint64_t)1000};
}

void auth_verify_on_tables(void)
{
	if (cache != NULL)
		login_cache_clear(cache);
}

void auth_verify_reload(const struct conf *conf)
{
	const struct guess_limits limits = limits_of(conf);
	guesses_set_limits(guesses, &limits);
	login_cache_free(cache);
	cache = login_cache_new(conf->auth.cache_size, conf->auth.cache_time * (uint64_t)1000);
}

void auth_verify_start(const struct conf *conf)
{
	const struct guess_limits limits = limits_of(conf);
	unsigned threads = conf->auth.threads == 0 ? 1 : conf->auth.threads;
	work = work_new(threads, threads);
	turns = turns_new(threads, threads > 1 ? threads / 2 : 1, LINE_MAX, queue_max);
	cache = login_cache_new(conf->auth.cache_size, conf->auth.cache_time * (uint64_t)1000);
	guesses = guesses_new(&limits);
	if (server_keeps_state())
		store = state_store_open(&guesses_kept, guesses);
	stranger_start(server_keeps_state());
}

static void drop_waiting(void *job)
{
	exchange_free(job);
}

void auth_verify_end(void)
{
	work_free(work);
	turns_free(turns, drop_waiting);
	state_store_close(store);
	guesses_free(guesses);
	login_cache_free(cache);
	work = NULL;
	turns = NULL;
	store = NULL;
	guesses = NULL;
	cache = NULL;
}
