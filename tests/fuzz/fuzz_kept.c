/* SPDX-License-Identifier: ISC
 *
 * Records of what is kept over a restart (failed logins, what users have sent): an octet says
 * which, one how long the key is. Whatever a file holds, it is refused or taken up, and what was
 * taken up is written as it is read again.
 */
#include "directory/guesses.h"
#include "directory/usage.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1800000000 };
#define NOW_MS ((uint64_t)NOW_S * 1000)

static void check(bool fine)
{
	if (!fine)
		abort();
}

struct again {
	const struct state_kept *kept;
	void *to;
};

static bool load_again(void *ctx, struct str key, struct str value)
{
	struct again *a = ctx;
	check(a->kept->load(a->to, key, value, NOW_MS));
	return true;
}

static void look_at_usage(void *ctx, const struct usage_report *r)
{
	char name[GUESS_NAME_SIZE];
	(void)ctx;
	guess_key_format(r->key, name);
	check(name[0] != '\0' || r->key.p[1] == '\0');
	check(r->client_count <= USAGE_CLIENTS);
}

static void try_usage(struct str key, struct str value)
{
	struct usage *u = usage_new();
	struct again again = {&usage_kept, usage_new()};
	const struct usage_limits limits = {.hour = 10, .day = 20};
	const struct guess_source from = guess_source_parse(STR("[192.0.2.1]"));
	struct usage_report r;
	if (usage_kept.load(u, key, value, NOW_MS) && usage_count(u) > 0) {
		usage_kept.save(u, load_again, &again);
		check(usage_count(again.to) == 1);
		usage_check(u, key, &limits, 1, NOW_S);
		usage_add(u, key, &from, 1, NOW_S);
		usage_each(u, NOW_S, look_at_usage, NULL);
		check(usage_take(u, true, NOW_S, &r) <= 1);
		check(usage_release(u, STR("")) == 1);
	}
	usage_free(again.to);
	usage_free(u);
}

static void look_at_guess(void *ctx, const struct guess_report *r)
{
	(void)ctx;
	check(r->last_ms <= NOW_MS);
}

static void try_guesses(struct str key, struct str value)
{
	const struct guess_limits limits = {.address_failures = 10,
	    .login_failures = 20,
	    .refuse_ms = 900000,
	    .forget_ms = 3600000};
	struct guesses *g = guesses_new(&limits);
	struct again again = {&guesses_kept, guesses_new(&limits)};
	if (guesses_kept.load(g, key, value, NOW_MS)) {
		guesses_kept.save(g, load_again, &again);
		guesses_each(g, NOW_MS, look_at_guess, NULL);
		check(guesses_release(g, STR("")) <= 1);
	}
	guesses_free(again.to);
	guesses_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	struct str in = str_from(data + 2, size - 2);
	struct str key = str_head(in, data[1]);
	struct str value = str_skip(in, key.n);
	if (data[0] & 1)
		try_usage(key, value);
	else
		try_guesses(key, value);
	return 0;
}
