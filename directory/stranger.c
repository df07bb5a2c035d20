/* SPDX-License-Identifier: ISC */
#include "directory/stranger.h"
#include "common/log.h"
#include "common/mem.h"
#include "directory/password.h"
#include "directory/stand-ins.h"
#include "directory/state-store.h"

#include <openssl/rand.h>
#include <sysexits.h>

static uint8_t secret[SCRAM_KEY_SIZE];

void stranger_start(bool keeps_state)
{
	if (keeps_state && state_secret("stand-in.key", secret, sizeof(secret)))
		return;
	log_message(LOG_INFO, "what is known of failed logins will not outlive this program");
	/* One that could not be kept is fresh already. */
	if (!keeps_state && RAND_bytes(secret, sizeof(secret)) != 1)
		log_fatal(EX_OSERR, "no random numbers");
}

/* Another purpose, other octets. */
static void derive(const char *purpose, struct str login, uint8_t out[SCRAM_KEY_SIZE])
{
	uint8_t key[SCRAM_KEY_SIZE];
	scram_hmac(secret, str_from_cstr(purpose), key);
	scram_hmac(key, login, out);
}

static struct stand_in_lot draw(struct str login)
{
	struct stand_in_lot lot;
	uint8_t octets[SCRAM_KEY_SIZE];
	derive("lot", login, octets);
	memcpy(&lot.kind, octets, sizeof(lot.kind));
	memcpy(&lot.keys, octets + sizeof(lot.kind), sizeof(lot.keys));
	return lot;
}

void stranger_hash(const struct live *live, struct str login, char out[HASH_MAX + 1])
{
	const struct stand_in_lot lot = draw(login);
	const char *hash = stand_ins_hash(live_stand_ins(live), &lot);
	hash = hash == NULL ? live_default_hash(live) : hash;
	memcpy(out, hash, strlen(hash) + 1);
}

void stranger_keys(const struct live *live, struct str login, bool has_hash, struct scram_keys *out)
{
	const struct stand_in_lot lot = draw(login);
	const struct stand_in *like = stand_ins_keys(live_stand_ins(live), &lot, has_hash);
	*out = (struct scram_keys){
	    .iterations = like == NULL ? PASSWORD_SCRAM_ITERATIONS : like->iterations,
	    .salt_size = like == NULL ? SCRAM_SALT_SIZE : like->salt_size};
	/* The longest salt is of two pieces. */
	derive("salt", login, out->salt);
	derive("more salt", login, out->salt + SCRAM_KEY_SIZE);
	derive("stored", login, out->stored);
	derive("server", login, out->server);
}
