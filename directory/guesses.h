/* SPDX-License-Identifier: ISC
 *
 * Guessing passwords costs the guesser: failures are counted by address, by network (IPv4: /24;
 * IPv6: /64, and /48) and by login, whatever protocol they came by. The more there are, the longer
 * the next answer takes; past a limit nothing is tried for a while, right password or wrong.
 *
 * Who owns a login that others guess at is not locked out: networks from which it was used lately
 * are not bound by its own counter. What one client has failed with again and again (a password
 * that was changed elsewhere) counts once, where that can be seen: SCRAM shows nothing of it.
 *
 * Pure: time (ms since the epoch) is an argument; bounded: the entry longest untouched gives way.
 */
#ifndef POSTERN_DIRECTORY_GUESSES_H
#define POSTERN_DIRECTORY_GUESSES_H

#include "directory/guess-key.h"
#include "directory/state-store.h"

enum {
	GUESSES_MAX = 50000, /* counters; and as many logins with networks of theirs */
	GUESS_DELAY_FIRST_MS = 1000,
	GUESS_DELAY_MAX_MS = 15 * 1000,
	GUESS_DELAY_STEPS = 10, /* from the first failure to the limit; each doubles */
	GUESS_NETWORK_FACTOR = 4, /* so many times an address's failures are a network's limit */
	GUESS_SITE_FACTOR = 16,	  /* and a /48's */
	GUESS_GOOD_NETWORKS = 8,  /* remembered for one login */
};
#define GUESS_GOOD_MS ((uint64_t)30 * 24 * 3600 * 1000)

struct guess_limits {
	unsigned address_failures;
	unsigned login_failures;
	uint64_t refuse_ms; /* how long nothing is tried */
	uint64_t forget_ms; /* a counter that has not grown for so long is gone */
};

struct guesses;
struct guesses *guesses_new(const struct guess_limits *limits);
void guesses_free(struct guesses *g);
void guesses_set_limits(struct guesses *g, const struct guess_limits *limits);

/* Whether a password may be tried; `login` empty: it is not known yet. */
bool guesses_may_try(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms);
/* One was tried in vain. `attempt` is the same for the same login and password, and otherwise
 * another (0: not known). Returns for how long the answer is to be held back. */
unsigned guesses_failed(struct guesses *g, const struct guess_source *from, struct str login,
    uint64_t attempt, uint64_t now_ms);
/* Grows whenever something begins to be refused: what a crash must not forget. */
uint64_t guesses_refusals(const struct guesses *g);
/* What an answer that refuses without trying is held back for. */
unsigned guesses_delay(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms);
/* The login's counter begins anew; so do those of the client, as far as they know of no other
 * login. */
void guesses_succeeded(
    struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms);

/* Whether the login was used lately from that network. */
bool guess_is_good(
    const struct guesses *g, const struct guess_source *from, struct str login, uint64_t now_ms);

struct guess_report {
	enum guess_kind kind;
	unsigned failures;
	uint64_t last_ms;
	uint64_t refused_until_ms;  /* 0: not refused */
	char name[GUESS_NAME_SIZE]; /* "192.0.2.1", "192.0.2.0/24", "ann@example.org" */
};
typedef void guess_report_fn(void *ctx, const struct guess_report *report);
/* Every counter that is not forgotten, most recent first. */
void guesses_each(struct guesses *g, uint64_t now_ms, guess_report_fn *fn, void *ctx);
/* Drops the counter of that name (an address: with its networks'); empty: all. How many were
 * dropped. */
size_t guesses_release(struct guesses *g, struct str name);
size_t guesses_count(const struct guesses *g);

/* ---- for keeping them ----------------------------------------------------------- */

/* Of a struct guesses. Times that are still to come are taken for now. */
extern const struct state_kept guesses_kept;

#endif
