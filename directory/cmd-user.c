/* SPDX-License-Identifier: ISC
 *
 * postern user add|passwd|remove|list [ADDRESS]
 *
 * Passwords never stand in arguments, where every local user could read them; a
 * ready hash may.
 */
#include "common/saslprep.h"
#include "directory/cmd-edit.h"
#include "directory/key.h"
#include "directory/password-read.h"
#include "directory/password.h"
#include "directory/user-record.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

#define SYNOPSIS                                                                                   \
	"user add ADDRESS [--hash HASH | --no-scram] | passwd ADDRESS [--hash HASH | --no-scram] " \
	"| "                                                                                       \
	"remove ADDRESS | "                                                                        \
	"list [ADDRESS] [--json]"

enum { CMD_POOL_MAX = 16 * 1024, LACKING_SHOWN = 10 };

/* The value of a line of the table, of a password in SASLprep's form. */
static int make_value(struct str password, bool scram, struct buf *out)
{
	char hash[HASH_MAX + 1];
	struct scram_keys keys;
	bool ok = password_hash(password, hash) && buf_append_str(out, str_from_cstr(hash));
	if (ok && scram)
		ok = password_keys(password, &keys) && buf_append_u8(out, ':') &&
		     user_record_put_keys(out, &keys);
	if (!ok)
		fprintf(stderr, "the password cannot be hashed: %s\n",
		    errno == ERANGE ? "libcrypt takes at most 511 octets" : strerror(errno));
	password_wipe(hash, sizeof(hash));
	password_wipe(&keys, sizeof(keys));
	return ok ? EX_OK : EX_OSERR;
}

/* What is made of no key of SCRAM only has to be the same whenever it is sent. */
static bool prepare(struct str password, bool scram, struct saslprep *out)
{
	const char *why = saslprep_make(password, scram ? SASLPREP_STORED : SASLPREP_QUERY, out);
	if (why == NULL)
		return true;
	bool without = scram && saslprep_make(password, SASLPREP_QUERY, out) == NULL;
	fprintf(stderr, "the password %s%s; nothing was changed\n", why,
	    without ? ", or --no-scram" : "");
	return false;
}

static int ask_value(bool scram, struct buf *out)
{
	char password[PASSWORD_MAX + 1];
	struct saslprep prepared;
	size_t n;
	int status = EX_NOINPUT;
	if (password_read(password, &n))
		status = prepare(str_from(password, n), scram, &prepared)
			     ? make_value(saslprep_str(&prepared), scram, out)
			     : EX_DATAERR;
	password_wipe(password, sizeof(password));
	password_wipe(&prepared, sizeof(prepared));
	return status;
}

static int take_hash(const char *given, struct buf *out)
{
	const char *why;
	struct str hash = str_from_cstr(given);
	switch (hash_format_check(hash, &why)) {
	case HASH_WEAK:
		fprintf(stderr, "warning: the password hash %s\n", why);
		break;
	case HASH_BAD:
		fprintf(stderr, "the password hash %s\n", why);
		return EX_DATAERR;
	case HASH_OK:
		break;
	}
	return buf_append_str(out, hash) ? EX_OK : EX_DATAERR;
}

static int read_address(const char *text, struct pool *pool, struct str *key)
{
	struct str canonical;
	const char *why = "has no valid domain: write local-part@domain";
	if (table_read_address(str_from_cstr(text), pool, &canonical, &why) &&
	    key_address(canonical, pool, key))
		return EX_OK;
	fprintf(stderr, "\"%s\" %s\n", fault_text(str_from_cstr(text)).s, why);
	return EX_DATAERR;
}

static int put_line(const struct command_context *ctx, struct edit *e, struct str value)
{
	struct buf line = BUF_INIT(ADDRESS_MAX + 1 + USER_VALUE_MAX);
	int status = EX_DATAERR;
	if (buf_append_str(&line, e->key) && buf_append_u8(&line, ':') &&
	    buf_append_str(&line, value)) {
		e->line = buf_str(&line);
		status = edit_run(ctx, e);
	}
	password_wipe(line.p, line.end);
	buf_release(&line);
	return status;
}

static int set(const struct command_context *ctx, enum edit_kind kind, int argc, char **argv)
{
	struct edit e = {.table = TABLE_USERS, .kind = kind};
	struct buf value = BUF_INIT(USER_VALUE_MAX);
	bool missing;
	const char *given = take_value(&argc, argv, "--hash", &missing);
	bool scram = !take_flag(&argc, argv, "--no-scram");
	if (argc != 2 || missing)
		return EX_USAGE;
	struct pool *pool = pool_new(CMD_POOL_MAX);
	int status = read_address(argv[1], pool, &e.key);
	if (status == EX_OK)
		status = given != NULL ? take_hash(given, &value) : ask_value(scram, &value);
	if (status == EX_OK)
		status = put_line(ctx, &e, buf_str(&value));
	if (value.p != NULL)
		password_wipe(value.p, value.cap);
	buf_release(&value);
	pool_free(pool);
	return status;
}

static int add(const struct command_context *ctx, int argc, char **argv)
{
	return set(ctx, EDIT_ADD, argc, argv);
}

static int passwd(const struct command_context *ctx, int argc, char **argv)
{
	return set(ctx, EDIT_REPLACE, argc, argv);
}

static int remove_user(const struct command_context *ctx, int argc, char **argv)
{
	struct edit e = {.table = TABLE_USERS, .kind = EDIT_REMOVE};
	if (argc != 2)
		return EX_USAGE;
	struct pool *pool = pool_new(CMD_POOL_MAX);
	int status = read_address(argv[1], pool, &e.key);
	if (status == EX_OK)
		status = edit_run(ctx, &e);
	pool_free(pool);
	return status;
}

struct listing {
	struct str only; /* this address; empty: all */
	bool json;
	size_t count;
	size_t lacking;	  /* users with a password and without keys of SCRAM */
	struct buf names; /* of the first of them, a line each */
};

/* "yescrypt", or the name that crypt(5) gives the method. */
static const char *method_name(struct str hash)
{
	static const struct {
		const char *prefix, *name;
	} rows[] = {{"$y$", "yescrypt"}, {"$gy$", "gost-yescrypt"}, {"$7$", "scrypt"},
	    {"$2", "bcrypt"}, {"$6$", "sha512crypt"}, {"$5$", "sha256crypt"},
	    {"$sha1$", "sha1crypt"}, {"$1$", "md5crypt"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (str_has_prefix(hash, str_from_cstr(rows[i].prefix)))
			return rows[i].name;
	return "none";
}

static void print_user(void *arg, const struct table_entry *e)
{
	struct listing *l = arg;
	if (l->only.n > 0 && !str_eq(l->only, e->key))
		return;
	l->count++;
	struct user_record record;
	user_record_parse(e->value, &record);
	if (!record.has_keys && !hash_is_locked(record.hash) && l->lacking++ < LACKING_SHOWN)
		buf_printf(&l->names, "  %.*s\n", STR_ARG(e->key));
	if (!l->json) {
		printf("%.*s\n", STR_ARG(e->key));
		return;
	}
	json_t *user = json_pack("{s:s%,s:b,s:s,s:b}", "address", e->key.p, e->key.n, "login",
	    !hash_is_locked(record.hash), "method", method_name(record.hash), "scram",
	    record.has_keys);
	fputs(l->count > 1 ? ",\n  " : "\n  ", stdout);
	json_dumpf(user, stdout, 0);
	json_decref(user);
}

/* Beside the list, which scripts read. */
static void explain_scram(const struct listing *l)
{
	if (l->lacking == 0)
		return;
	fflush(stdout);
	fprintf(stderr,
	    "SCRAM is not offered by default: %zu %s a password and no keys for it:\n%.*s%s"
	    "`postern user passwd ADDRESS` makes them\n",
	    l->lacking, l->lacking == 1 ? "user has" : "users have", STR_ARG(buf_str(&l->names)),
	    l->lacking > LACKING_SHOWN ? "  and others\n" : "");
}

static int list(const struct command_context *ctx, int argc, char **argv)
{
	struct listing l = {.json = take_flag(&argc, argv, "--json") || ctx->json,
	    .names = BUF_INIT(LACKING_SHOWN * (ADDRESS_MAX + 4))};
	if (argc > 2)
		return EX_USAGE;
	struct pool *pool = pool_new(CMD_POOL_MAX);
	int status = argc == 2 ? read_address(argv[1], pool, &l.only) : EX_OK;
	if (status == EX_OK) {
		fputs(l.json ? "[" : "", stdout);
		status = edit_each(ctx, TABLE_USERS, print_user, &l);
		fputs(l.json ? "\n]\n" : "", stdout);
		if (status == EX_OK && !l.json)
			explain_scram(&l);
	}
	buf_release(&l.names);
	pool_free(pool);
	if (status == EX_OK && argc == 2 && l.count == 0) {
		fprintf(stderr, "%s: no such mailbox\n", argv[1]);
		return EX_NOUSER;
	}
	return status;
}

static const struct verb verbs[] = {
    {"add", add},
    {"passwd", passwd},
    {"remove", remove_user},
    {"list", list},
    {NULL, NULL},
};

int cmd_user(const struct command_context *ctx, int argc, char **argv)
{
	return verb_run(verbs, SYNOPSIS, ctx, argc, argv);
}
