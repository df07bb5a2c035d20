/* SPDX-License-Identifier: ISC */
#include "directory/login-mark.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/scram.h"
#include "directory/password.h"
#include "directory/state-store.h"
#include "directory/user-record.h"

#include <openssl/rand.h>
#include <sysexits.h>

static uint8_t key[SCRAM_KEY_SIZE];

void login_mark_start(bool kept)
{
	if ((!kept || !state_secret("login-mark.key", key, sizeof(key))) &&
	    RAND_bytes(key, sizeof(key)) != 1)
		log_fatal(EX_OSERR, "no random numbers");
}

uint64_t login_mark(struct str login, struct str value)
{
	uint8_t of_login[SCRAM_KEY_SIZE], whole[SCRAM_KEY_SIZE];
	uint64_t mark;
	scram_hmac(key, login, of_login);
	scram_hmac(of_login, value, whole);
	memcpy(&mark, whole, sizeof(mark));
	password_wipe(of_login, sizeof(of_login));
	return mark == 0 ? 1 : mark;
}

enum lookup_result login_mark_check(const struct lookup *lookup, struct str login, uint64_t mark)
{
	struct str value = {NULL, 0};
	if (mark == 0)
		return LOOKUP_FOUND;
	struct pool *pool = pool_new(64 * 1024);
	enum lookup_result found = lookup_get(lookup, TABLE_USERS, login, pool, &value);
	if (found == LOOKUP_FOUND && login_mark(login, value) != mark)
		found = LOOKUP_NONE;
	password_wipe((void *)(uintptr_t)value.p, value.n);
	pool_free(pool);
	return found;
}
