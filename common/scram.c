/* SPDX-License-Identifier: ISC */
#include "common/scram.h"
#include "common/base64.h"
#include "common/saslprep.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

/* "n,,": no channel binding, nobody else's mailbox. Its base64 is "biws". */
#define GS2_HEADER  STR("n,,")
#define GS2_ENCODED "biws"

bool scram_hmac(const uint8_t key[SCRAM_KEY_SIZE], struct str text, uint8_t out[SCRAM_KEY_SIZE])
{
	unsigned n;
	return HMAC(EVP_sha256(), key, SCRAM_KEY_SIZE, (const uint8_t *)text.p, text.n, out, &n) !=
	       NULL;
}

/* Hi() of RFC 5802 §2.2 is PBKDF2. */
static bool salt_password(struct str password, const struct scram_keys *k, uint8_t *out)
{
	return k->iterations >= SCRAM_ITERATIONS_MIN && k->iterations <= SCRAM_ITERATIONS_MAX &&
	       k->salt_size > 0 && password.n <= PASSWORD_MAX &&
	       PKCS5_PBKDF2_HMAC(password.p == NULL ? "" : password.p, (int)password.n, k->salt,
		   (int)k->salt_size, (int)k->iterations, EVP_sha256(), SCRAM_KEY_SIZE, out) == 1;
}

static bool derive(const uint8_t *salted, uint8_t *client, struct scram_keys *k)
{
	return scram_hmac(salted, STR("Client Key"), client) &&
	       SHA256(client, SCRAM_KEY_SIZE, k->stored) != NULL &&
	       scram_hmac(salted, STR("Server Key"), k->server);
}

bool scram_derive(struct str password, struct scram_keys *keys)
{
	uint8_t salted[SCRAM_KEY_SIZE], client[SCRAM_KEY_SIZE];
	bool ok = salt_password(password, keys, salted) && derive(salted, client, keys);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(client, sizeof(client));
	return ok;
}

bool scram_nonce(char out[SCRAM_NONCE_SIZE + 1])
{
	uint8_t random[SCRAM_NONCE_SIZE / 4 * 3];
	if (RAND_bytes(random, sizeof(random)) != 1)
		return false;
	EVP_EncodeBlock((uint8_t *)out, random, sizeof(random));
	return true;
}

bool scram_take(struct str *rest, char name, struct str *value)
{
	if (rest->n < 2 || rest->p[0] != name || rest->p[1] != '=')
		return false;
	size_t comma = str_find(*rest, ',');
	*value = str_skip(str_head(*rest, comma), 2);
	*rest = str_skip(*rest, comma + 1);
	return true;
}

static void xor_key(uint8_t *to, const uint8_t *with)
{
	for (size_t i = 0; i < SCRAM_KEY_SIZE; i++)
		to[i] ^= with[i];
}

bool scram_verify(const struct scram_keys *keys, struct str auth_message,
    const uint8_t proof[SCRAM_KEY_SIZE], uint8_t signature[SCRAM_KEY_SIZE])
{
	uint8_t client[SCRAM_KEY_SIZE], stored[SCRAM_KEY_SIZE];
	bool ok = scram_hmac(keys->stored, auth_message, client);
	xor_key(client, proof);
	ok = ok && SHA256(client, sizeof(client), stored) != NULL &&
	     scram_hmac(keys->server, auth_message, signature) &&
	     CRYPTO_memcmp(stored, keys->stored, SCRAM_KEY_SIZE) == 0;
	OPENSSL_cleanse(client, sizeof(client));
	return ok;
}

/* ---- the client --------------------------------------------------------------- */

void scram_client_init(struct scram_client *c)
{
	*c = (struct scram_client){.auth_message = BUF_INIT(3 * SCRAM_MESSAGE_MAX)};
}

void scram_client_reset(struct scram_client *c)
{
	buf_release(&c->auth_message);
	OPENSSL_cleanse(c, sizeof(*c));
	scram_client_init(c);
}

/* saslname of RFC 5802 §7. */
static bool put_name(struct buf *out, struct str name)
{
	bool ok = name.n > 0;
	for (size_t i = 0; ok && i < name.n; i++) {
		if (name.p[i] == ',')
			ok = buf_append_str(out, STR("=2C"));
		else if (name.p[i] == '=')
			ok = buf_append_str(out, STR("=3D"));
		else
			ok = name.p[i] != '\0' && buf_append_u8(out, (uint8_t)name.p[i]);
	}
	return ok;
}

/* §5.1, and Normalize() of §2.2. `prepared` keeps the text. */
static struct str normalize(struct str s, enum saslprep_use use, struct saslprep *prepared)
{
	return saslprep_make(s, use, prepared) == NULL ? saslprep_str(prepared) : s;
}

bool scram_client_first(struct scram_client *c, struct str user, const char *nonce, struct buf *out)
{
	struct buf *bare = &c->auth_message;
	struct saslprep prepared;
	buf_reset(bare);
	if (nonce != NULL)
		memcpy(c->nonce, nonce, strnlen(nonce, SCRAM_NONCE_SIZE) + 1);
	else if (!scram_nonce(c->nonce))
		return false;
	return buf_append_str(bare, STR("n=")) &&
	       put_name(bare, normalize(user, SASLPREP_QUERY, &prepared)) &&
	       buf_printf(bare, ",r=%s", c->nonce) && buf_append_str(out, GS2_HEADER) &&
	       buf_append_str(out, buf_str(bare));
}

/* RFC 5802 §5.1: r= begins with our own nonce and adds to it. */
static bool read_server_first(
    const struct scram_client *c, struct str in, struct str *nonce, struct scram_keys *keys)
{
	struct str own = str_from_cstr(c->nonce), salt, iterations;
	uint64_t n;
	if (!scram_take(&in, 'r', nonce) || !scram_take(&in, 's', &salt) ||
	    !scram_take(&in, 'i', &iterations))
		return false;
	if (!str_has_prefix(*nonce, own) || nonce->n == own.n || nonce->n > SCRAM_NONCE_MAX ||
	    !str_parse_u64(iterations, SCRAM_ITERATIONS_MAX, &n))
		return false;
	keys->iterations = (uint32_t)n;
	return base64_decode(salt, keys->salt, sizeof(keys->salt), &keys->salt_size);
}

/* ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage); both signatures of c->auth_message. */
static bool prove(
    struct scram_client *c, struct str password, struct scram_keys *keys, uint8_t *proof)
{
	uint8_t salted[SCRAM_KEY_SIZE], signature[SCRAM_KEY_SIZE];
	struct str message = buf_str(&c->auth_message);
	struct saslprep prepared;
	password = normalize(password, SASLPREP_STORED, &prepared);
	bool ok = salt_password(password, keys, salted) && derive(salted, proof, keys) &&
		  scram_hmac(keys->stored, message, signature) &&
		  scram_hmac(keys->server, message, c->signature);
	if (ok)
		xor_key(proof, signature);
	OPENSSL_cleanse(salted, sizeof(salted));
	OPENSSL_cleanse(signature, sizeof(signature));
	OPENSSL_cleanse(&prepared, sizeof(prepared));
	return ok;
}

bool scram_client_final(
    struct scram_client *c, struct str server_first, struct str password, struct buf *out)
{
	struct scram_keys keys = {0};
	struct str nonce;
	uint8_t proof[SCRAM_KEY_SIZE];
	size_t start = buf_len(out);
	if (server_first.n > SCRAM_MESSAGE_MAX ||
	    !read_server_first(c, server_first, &nonce, &keys))
		return false;
	bool ok = buf_append_str(out, STR("c=" GS2_ENCODED ",r=")) && buf_append_str(out, nonce) &&
		  buf_append_u8(&c->auth_message, ',') &&
		  buf_append_str(&c->auth_message, server_first) &&
		  buf_append_u8(&c->auth_message, ',') &&
		  buf_append_str(&c->auth_message, str_skip(buf_str(out), start)) &&
		  prove(c, password, &keys, proof) && buf_append_str(out, STR(",p=")) &&
		  base64_encode(out, proof, sizeof(proof));
	OPENSSL_cleanse(&keys, sizeof(keys));
	OPENSSL_cleanse(proof, sizeof(proof));
	return ok;
}

bool scram_client_verify(const struct scram_client *c, struct str server_final)
{
	struct str value;
	uint8_t shown[SCRAM_KEY_SIZE];
	size_t n;
	return scram_take(&server_final, 'v', &value) &&
	       base64_decode(value, shown, sizeof(shown), &n) && n == sizeof(shown) &&
	       CRYPTO_memcmp(shown, c->signature, sizeof(shown)) == 0;
}
