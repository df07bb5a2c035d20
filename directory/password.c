/* SPDX-License-Identifier: ISC */
#include "directory/password.h"
#include "common/mem.h"
#include "common/saslprep.h"
#include "common/scram.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

#define METHOD "$y$"

void password_wipe(void *p, size_t n)
{
	if (n > 0)
		OPENSSL_cleanse(p, n);
}

/* Both buffers are the library's; they are wiped whatever comes of it. */
static bool run_crypt(struct str password, const char *setting, char out[HASH_MAX + 1])
{
	char phrase[PASSWORD_MAX + 1];
	struct crypt_data *data = xcalloc(1, sizeof(*data));
	memcpy(phrase, password.p == NULL ? "" : password.p, password.n);
	phrase[password.n] = '\0';
	const char *hash = crypt_r(phrase, setting, data);
	bool ok = hash != NULL && hash[0] != '*' && strlen(hash) <= HASH_MAX;
	if (ok)
		memcpy(out, hash, strlen(hash) + 1);
	int saved = hash == NULL || hash[0] == '*' ? errno : EINVAL;
	password_wipe(phrase, sizeof(phrase));
	password_wipe(data, sizeof(*data));
	free(data);
	errno = saved;
	return ok;
}

static bool can_be_hashed(struct str password)
{
	return password.n <= PASSWORD_MAX && str_find(password, '\0') == password.n;
}

bool password_check(struct str password, const char *hash)
{
	char made[HASH_MAX + 1] = "";
	bool sane = can_be_hashed(password);
	/* The same work for a password that cannot be right. */
	bool ok = run_crypt(sane ? password : STR("postern"), hash, made);
	size_t n = strlen(hash);
	ok = ok && sane && strlen(made) == n && CRYPTO_memcmp(made, hash, n) == 0;
	password_wipe(made, sizeof(made));
	return ok;
}

bool password_verify(struct str sent, const char *hash)
{
	struct saslprep prepared;
	bool other = saslprep_make(sent, SASLPREP_QUERY, &prepared) == NULL &&
		     !str_eq(saslprep_str(&prepared), sent);
	bool right =
	    (other && password_check(saslprep_str(&prepared), hash)) || password_check(sent, hash);
	password_wipe(&prepared, sizeof(prepared));
	return right;
}

bool password_hash(struct str password, char out[HASH_MAX + 1])
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	if (!can_be_hashed(password)) {
		errno = EINVAL;
		return false;
	}
	if (crypt_gensalt_rn(METHOD, 0, NULL, 0, setting, sizeof(setting)) == NULL)
		return false;
	return run_crypt(password, setting, out);
}

bool password_keys(struct str password, struct scram_keys *out)
{
	*out = (struct scram_keys){
	    .iterations = PASSWORD_SCRAM_ITERATIONS, .salt_size = SCRAM_SALT_SIZE};
	return can_be_hashed(password) && RAND_bytes(out->salt, SCRAM_SALT_SIZE) == 1 &&
	       scram_derive(password, out);
}
