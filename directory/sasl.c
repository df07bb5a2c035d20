/* SPDX-License-Identifier: ISC
 *
 * PLAIN (RFC 4616) and LOGIN, and which step of which mechanism comes next. SCRAM is in
 * sasl-scram.c.
 *
 * Invariant: `step` is SASL_OVER once nothing more is taken.
 */
#include "directory/sasl.h"

#include <openssl/crypto.h>

void sasl_init(struct sasl *s, unsigned mechanism, const struct sasl_binding *b, const char *nonce)
{
	*s = (struct sasl){.mechanism = mechanism,
	    .plus_offered = b->plus_offered,
	    .out = BUF_INIT(AUTH_MESSAGE_MAX),
	    .channel = BUF_INIT(AUTH_MESSAGE_MAX),
	    .auth_message = BUF_INIT(3 * AUTH_MESSAGE_MAX)};
	memcpy(s->nonce, nonce, SCRAM_NONCE_SIZE);
	s->nonce_size = SCRAM_NONCE_SIZE;
	sasl_set(b->exporter, (char *)s->exporter, sizeof(s->exporter), &s->exporter_size);
	sasl_set(b->unique, (char *)s->unique, sizeof(s->unique), &s->unique_size);
	sasl_set(b->endpoint, (char *)s->endpoint, sizeof(s->endpoint), &s->endpoint_size);
}

void sasl_reset(struct sasl *s)
{
	buf_release(&s->out);
	buf_release(&s->channel);
	buf_release(&s->auth_message);
	OPENSSL_cleanse(s, sizeof(*s));
	s->step = SASL_OVER;
}

enum sasl_next sasl_refuse(struct sasl *s, const char *why)
{
	s->step = SASL_OVER;
	s->why = why;
	return SASL_REFUSED;
}

/* False, with nothing set, when it does not fit. */
bool sasl_set(struct str in, char *to, size_t max, size_t *size)
{
	*size = in.n <= max ? in.n : 0;
	if (*size > 0)
		memcpy(to, in.p, *size);
	return in.n <= max;
}

static bool has_nul(struct str s)
{
	return str_find(s, '\0') < s.n;
}

static bool set_user(struct sasl *s, struct str user)
{
	return user.n > 0 && !has_nul(user) && sasl_set(user, s->user, LOGIN_MAX, &s->user_size);
}

static bool set_password(struct sasl *s, struct str password)
{
	return password.n > 0 && !has_nul(password) &&
	       sasl_set(password, s->password, PASSWORD_MAX, &s->password_size);
}

static enum sasl_next challenge(struct sasl *s, struct str text, enum sasl_step step)
{
	buf_reset(&s->out);
	buf_append_str(&s->out, text);
	s->step = step;
	return SASL_CHALLENGE;
}

/* [authzid] NUL authcid NUL passwd */
static enum sasl_next take_plain(struct sasl *s, struct str message)
{
	size_t first = str_find(message, '\0');
	struct str as = str_head(message, first), rest = str_skip(message, first + 1);
	size_t second = str_find(rest, '\0');
	if (first == message.n || second == rest.n)
		return sasl_refuse(s, "malformed message");
	if (!sasl_set(as, s->as, LOGIN_MAX, &s->as_size) || !set_user(s, str_head(rest, second)) ||
	    !set_password(s, str_skip(rest, second + 1)))
		return sasl_refuse(s, "malformed name or password");
	s->step = SASL_OVER;
	return SASL_PASSWORD;
}

static enum sasl_next take_login_user(struct sasl *s, struct str message)
{
	if (!set_user(s, message))
		return sasl_refuse(s, "malformed name");
	return challenge(s, STR("Password:"), SASL_SECOND);
}

static enum sasl_next take_login_password(struct sasl *s, struct str message)
{
	if (!set_password(s, message))
		return sasl_refuse(s, "malformed password");
	s->step = SASL_OVER;
	return SASL_PASSWORD;
}

typedef enum sasl_next sasl_fn(struct sasl *s, struct str message);

static const struct row {
	unsigned mechanisms;
	enum sasl_step step;
	sasl_fn *run;
} rows[] = {
    {AUTH_PLAIN, SASL_INITIAL, take_plain},
    {AUTH_LOGIN, SASL_INITIAL, take_login_user},
    {AUTH_LOGIN, SASL_SECOND, take_login_password},
    {AUTH_SCRAM_SHA_256 | AUTH_SCRAM_SHA_256_PLUS, SASL_INITIAL, sasl_scram_first},
    {AUTH_SCRAM_SHA_256 | AUTH_SCRAM_SHA_256_PLUS, SASL_FINAL, sasl_scram_final},
};

enum sasl_next sasl_begin(struct sasl *s, const struct str *initial)
{
	if (initial != NULL)
		return sasl_response(s, *initial);
	return challenge(s, s->mechanism == AUTH_LOGIN ? STR("Username:") : STR(""), SASL_INITIAL);
}

enum sasl_next sasl_response(struct sasl *s, struct str message)
{
	buf_reset(&s->out);
	if (message.n > AUTH_MESSAGE_MAX)
		return sasl_refuse(s, "message too long");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].mechanisms & s->mechanism) && rows[i].step == s->step)
			return rows[i].run(s, message);
	return sasl_refuse(s, "message out of turn");
}
