/* SPDX-License-Identifier: ISC
 *
 * AUTH (RFC 4954) with SCRAM-SHA-256 (RFC 7677), which shows the password to nobody and asks the
 * server to know it, too; or PLAIN (RFC 4616), or LOGIN. A password leaves only inside TLS, unless
 * the policy says that this peer, on this machine, may see it in clear.
 */
#include "common/base64.h"
#include "deliver-remote/client-internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum {
	CREDENTIALS_MAX = LOGIN_MAX + PASSWORD_MAX + 2,
	ENCODED_MAX = BASE64_SIZE(SCRAM_MESSAGE_MAX) + 1, /* the longer of the two */
	/* RFC 5321 §4.5.3.1.4: above it the response is sent as one of its own. */
	COMMAND_LINE_MAX = 512,
};

enum auth_step {
	AUTH_PLAIN,
	AUTH_PLAIN_RESPONSE,
	AUTH_LOGIN,
	AUTH_LOGIN_NAME,
	AUTH_LOGIN_PASSWORD,
	AUTH_SCRAM_FIRST,
	AUTH_SCRAM_FINAL,
	AUTH_SCRAM_LAST
};

static void send_line(struct client *c, enum auth_step step, const char *command, struct str secret)
{
	uint8_t encoded[ENCODED_MAX];
	int n = EVP_EncodeBlock(encoded, (const uint8_t *)secret.p, (int)secret.n);
	buf_append_str(c->out, str_from_cstr(command));
	buf_append(c->out, encoded, (size_t)n);
	buf_append_str(c->out, STR("\r\n"));
	OPENSSL_cleanse(encoded, sizeof(encoded));
	c->auth_step = step;
	client_await(c, CLIENT_PHASE_AUTH);
}

/* NUL login NUL password, as one. */
static size_t plain_credentials(const struct client *c, char out[CREDENTIALS_MAX])
{
	struct str login = str_head(c->policy->login, LOGIN_MAX);
	struct str password = str_head(c->policy->password, PASSWORD_MAX);
	out[0] = '\0';
	memcpy(out + 1, login.p, login.n);
	out[1 + login.n] = '\0';
	if (password.n > 0)
		memcpy(out + 2 + login.n, password.p, password.n);
	return login.n + password.n + 2;
}

static void send_plain(struct client *c, bool response)
{
	char credentials[CREDENTIALS_MAX];
	size_t n = plain_credentials(c, credentials);
	bool fits = sizeof("AUTH PLAIN \r\n") + (n + 2) / 3 * 4 <= COMMAND_LINE_MAX;
	if (response)
		send_line(c, AUTH_PLAIN_RESPONSE, "", str_from(credentials, n));
	else if (fits)
		send_line(c, AUTH_PLAIN_RESPONSE, "AUTH PLAIN ", str_from(credentials, n));
	else
		send_line(c, AUTH_PLAIN, "AUTH PLAIN", (struct str){"", 0});
	OPENSSL_cleanse(credentials, sizeof(credentials));
}

static void start_scram(struct client *c)
{
	struct buf first = BUF_INIT(SCRAM_MESSAGE_MAX);
	scram_client_init(&c->scram);
	if (scram_client_first(&c->scram, str_head(c->policy->login, LOGIN_MAX), NULL, &first))
		send_line(c, AUTH_SCRAM_FIRST, "AUTH SCRAM-SHA-256 ", buf_str(&first));
	else
		client_fail_malformed(c);
	buf_release(&first);
}

/* What the server says to a step of SCRAM, in base64 behind the 334. */
static bool read_challenge(const struct client *c, char *out, size_t *n)
{
	return base64_decode(str_trim(reply_line(&c->reply)), out, SCRAM_MESSAGE_MAX, n);
}

static void prove_scram(struct client *c)
{
	char challenge[SCRAM_MESSAGE_MAX];
	size_t n;
	struct buf final = BUF_INIT(SCRAM_MESSAGE_MAX);
	if (read_challenge(c, challenge, &n) &&
	    scram_client_final(&c->scram, str_from(challenge, n),
		str_head(c->policy->password, PASSWORD_MAX), &final))
		send_line(c, AUTH_SCRAM_FINAL, "", buf_str(&final));
	else
		client_fail_malformed(c);
	buf_release(&final);
}

/* A server that does not know the password is not the one we have an account with. */
static void verify_scram(struct client *c)
{
	char challenge[SCRAM_MESSAGE_MAX];
	size_t n;
	if (read_challenge(c, challenge, &n) &&
	    scram_client_verify(&c->scram, str_from(challenge, n)))
		send_line(c, AUTH_SCRAM_LAST, "", (struct str){"", 0});
	else
		client_fail_malformed(c);
}

static void missing(struct client *c, const char *why)
{
	client_fail_in_words(c, CLIENT_AUTH_MISSING, STR("4.7.0"), "%s", why);
}

/* Everything up to here went well: log in if we are to, or be ready. */
void client_auth(struct client *c)
{
	if (c->policy->login.n == 0)
		c->phase = CLIENT_PHASE_IDLE;
	else if (!c->encrypted && !c->policy->login_in_clear)
		missing(c, "a password is not sent without TLS, which the server does not offer");
	else if (client_has(c, EXT_AUTH_SCRAM))
		start_scram(c);
	else if (client_has(c, EXT_AUTH_PLAIN))
		send_plain(c, false);
	else if (client_has(c, EXT_AUTH_LOGIN))
		send_line(c, AUTH_LOGIN, "AUTH LOGIN", (struct str){"", 0});
	else
		missing(c, "the server offers none of AUTH SCRAM-SHA-256, PLAIN and LOGIN");
}

static void go_on(struct client *c)
{
	switch ((enum auth_step)c->auth_step) {
	case AUTH_PLAIN:
		send_plain(c, true);
		break;
	case AUTH_LOGIN:
		send_line(c, AUTH_LOGIN_NAME, "", str_head(c->policy->login, LOGIN_MAX));
		break;
	case AUTH_LOGIN_NAME:
		send_line(c, AUTH_LOGIN_PASSWORD, "", str_head(c->policy->password, PASSWORD_MAX));
		break;
	case AUTH_SCRAM_FIRST:
		prove_scram(c);
		break;
	case AUTH_SCRAM_FINAL:
		verify_scram(c);
		break;
	case AUTH_PLAIN_RESPONSE:
	case AUTH_LOGIN_PASSWORD:
	case AUTH_SCRAM_LAST:
		client_fail_malformed(c);
		break;
	}
}

/* A refused login is ours to mend: the mail waits, and other hosts are not asked with the same
 * password. */
void client_on_auth(struct client *c)
{
	/* SCRAM_FINAL is not among them: the server has not proved itself before its last word. */
	bool answered = c->auth_step == AUTH_PLAIN_RESPONSE ||
			c->auth_step == AUTH_LOGIN_PASSWORD || c->auth_step == AUTH_SCRAM_LAST;
	if (c->reply.code == 334) {
		go_on(c);
		return;
	}
	scram_client_reset(&c->scram);
	if (c->reply.code == 235 && answered) {
		c->phase = CLIENT_PHASE_IDLE;
	} else if (c->reply.code < 400) {
		client_fail_malformed(c);
	} else {
		struct client_result r = client_verdict(c);
		r.next_host = r.outcome == DELIVERY_DEFERRED;
		r.outcome = DELIVERY_DEFERRED;
		client_fail(c, r);
	}
}
