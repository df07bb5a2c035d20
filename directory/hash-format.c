/* SPDX-License-Identifier: ISC */
#include "directory/hash-format.h"

#include <crypt.h>

enum shape {
	TAIL,  /* `digits` characters after the last "$" */
	WHOLE, /* `digits` characters in all */
};

static const struct method {
	const char *prefix;
	unsigned digits;
	enum shape shape;
	unsigned costs; /* "$"s up to the end of the cost */
	bool weak;
} methods[] = {
    {"$y$", 43, TAIL, 3, false},
    {"$gy$", 43, TAIL, 3, false},
    {"$7$", 43, TAIL, 2, false},
    {"$2b$", 60, WHOLE, 3, false},
    {"$2a$", 60, WHOLE, 3, false},
    {"$2y$", 60, WHOLE, 3, false},
    {"$6$", 86, TAIL, 2, false},
    {"$5$", 43, TAIL, 2, false},
    {"$sha1$", 28, TAIL, 3, true},
    {"$1$", 22, TAIL, 2, true},
};

static const struct method *find_method(struct str hash)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_has_prefix(hash, str_from_cstr(methods[i].prefix)))
			return &methods[i];
	return NULL;
}

static bool is_crypt64(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '/')
			return false;
	return true;
}

static bool has_right_length(const struct method *m, struct str hash)
{
	if (m->shape == WHOLE)
		return hash.n == m->digits && is_crypt64(str_skip(hash, 7));
	struct str tail = str_skip(hash, str_rfind(hash, '$') + 1);
	return tail.n == m->digits && is_crypt64(tail);
}

bool hash_is_locked(struct str hash)
{
	return str_eq(hash, STR("*"));
}

/* What libcrypt thinks of the method, cost and salt. */
static bool setting_is_valid(struct str hash)
{
	char c[HASH_MAX + 1];
	memcpy(c, hash.p, hash.n);
	c[hash.n] = '\0';
	int verdict = crypt_checksalt(c);
	return strlen(c) == hash.n && verdict != CRYPT_SALT_INVALID &&
	       verdict != CRYPT_SALT_METHOD_DISABLED;
}

enum hash_verdict hash_format_check(struct str hash, const char **why)
{
	if (hash_is_locked(hash))
		return HASH_OK;
	if (hash.n == 0) {
		*why = "is missing: write one that `postern user passwd ADDRESS` makes, or * for a "
		       "mailbox without a login";
		return HASH_BAD;
	}
	if (hash.p[0] == '{') {
		*why = "has a {SCHEME} in front: leave that away; what follows must be a hash of "
		       "crypt(5), i.e. begin with $";
		return HASH_BAD;
	}
	const struct method *m = hash.n > HASH_MAX ? NULL : find_method(hash);
	if (m != NULL && !has_right_length(m, hash)) {
		*why = "is cut short or has something after it: copy it whole, or set the password "
		       "anew "
		       "with `postern user passwd ADDRESS`";
		return HASH_BAD;
	}
	if (m == NULL || !setting_is_valid(hash)) {
		*why = "is of no method this system knows: set the password anew with "
		       "`postern user passwd ADDRESS`";
		return HASH_BAD;
	}
	if (!m->weak)
		return HASH_OK;
	*why = "is of an old method that is easily searched: set the password anew with "
	       "`postern user passwd ADDRESS`";
	return HASH_WEAK;
}

struct str hash_setting(struct str hash)
{
	const struct method *m = find_method(hash);
	unsigned costs = m == NULL ? 0 : m->costs;
	size_t n = 0;
	/* "$5$" and "$6$" have a cost only when it is not the default. */
	if (m != NULL && str_has_prefix(str_skip(hash, strlen(m->prefix)), STR("rounds=")))
		costs++;
	for (unsigned seen = 0; n < hash.n && seen < costs; n++)
		seen += hash.p[n] == '$';
	return str_head(hash, n);
}
