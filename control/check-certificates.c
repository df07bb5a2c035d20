/* SPDX-License-Identifier: ISC */
#include "control/check-certificates.h"
#include "common/buf.h"
#include "keys/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { RENEW_DAYS = 14, DAY_SECONDS = 24 * 60 * 60 };

struct report {
	const char *conf_path;
	const struct conf_certificate *certificate;
	FILE *out;
};

static void say(const struct report *r, const char *path, const char *what)
{
	fprintf(r->out, "%s:%u: certificate %s: %s: %s\n", r->conf_path, r->certificate->line,
	    r->certificate->name, path, what);
}

/* What leaves the status as it is. */
static void warn(const struct report *r, const char *path, const char *what)
{
	fprintf(r->out, "%s:%u: warning: certificate %s: %s: %s\n", r->conf_path,
	    r->certificate->line, r->certificate->name, path, what);
}

/* A group may be one that was made for it; everybody is nobody's wish. */
static int check_mode(const struct report *r, const char *path, mode_t mode)
{
	if ((mode & S_IRWXO) == 0)
		return EX_OK;
	say(r, path,
	    (mode & S_IWOTH) != 0
		? "everybody on this machine can write the private key: make a new one, chmod 600"
		: "everybody on this machine can read the private key: chmod 600, and make a new "
		  "one if it was so for long");
	return EX_CONFIG;
}

/* EX_OK, EX_NOPERM when others may, EX_CONFIG. */
static int read_file(const struct report *r, const char *path, bool secret, struct buf *text)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		int error = errno;
		if (error == EACCES)
			warn(r, path,
			    "not checked: you may not read it, so who starts the suite must be "
			    "root, or somebody else who may");
		else
			say(r, path, strerror(error));
		return error == EACCES ? EX_NOPERM : EX_CONFIG;
	}
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PAIR_TEXT_MAX;
	int status = ok && secret ? check_mode(r, path, st.st_mode) : EX_OK;
	uint8_t *to = ok ? buf_reserve(text, (size_t)st.st_size + 1) : NULL;
	ssize_t n = to == NULL ? -1 : read(fd, to, (size_t)st.st_size);
	close(fd);
	if (n < 0)
		say(r, path, "it is no file of at most 256 KiB");
	else
		buf_commit(text, (size_t)n);
	return n < 0 ? EX_CONFIG : status;
}

/* An authority that every client has needs no certificate of its own in the file. */
static bool is_known_authority(X509 *leaf)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *look = X509_STORE_CTX_new();
	X509 *issuer = NULL;
	bool known = store != NULL && look != NULL && X509_STORE_set_default_paths(store) == 1 &&
		     X509_STORE_CTX_init(look, store, leaf, NULL) == 1 &&
		     X509_STORE_CTX_get1_issuer(&issuer, look, leaf) == 1;
	X509_free(issuer);
	X509_STORE_CTX_free(look);
	X509_STORE_free(store);
	return known;
}

/* Browsers find what is missing, mail programs and other servers do not. */
static bool lacks_issuer(const struct pair *pair)
{
	X509 *leaf = sk_X509_value(pair->chain, 0);
	return sk_X509_num(pair->chain) == 1 && X509_self_signed(leaf, 1) != 1 &&
	       !is_known_authority(leaf);
}

/* What can be used, but hardly as it is meant. */
static void warn_of_use(const struct report *r, const struct pair *pair, time_t now)
{
	X509 *leaf = sk_X509_value(pair->chain, 0);
	const char *name = r->certificate->name;
	time_t soon = now + RENEW_DAYS * DAY_SECONDS;
	if (X509_check_host(leaf, name, strlen(name), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) !=
	    1)
		warn(r, r->certificate->chain,
		    "it is not for the name of this section: clients that ask for that name would "
		    "refuse it");
	if (lacks_issuer(pair))
		warn(r, r->certificate->chain,
		    "the certificate stands alone in it: clients would not believe it without "
		    "those that certify it (of Let's Encrypt: fullchain.pem)");
	if (X509_cmp_time(X509_get0_notAfter(leaf), &now) > 0 &&
	    X509_cmp_time(X509_get0_notAfter(leaf), &soon) < 0)
		warn(r, r->certificate->chain,
		    "the certificate expires within 14 days: see to it that it is renewed");
}

static int check_texts(const struct report *r, struct str chain, struct str key)
{
	struct pair pair;
	struct pair_fault fault;
	time_t now = time(NULL);
	bool ok = pair_parse(chain, key, (int64_t)now, &pair, &fault);
	if (fault.why[0] != '\0')
		(ok ? warn : say)(r, fault.file == PAIR_CHAIN ? r->certificate->chain : r->certificate->key,
		    fault.why);
	if (!ok)
		return EX_CONFIG;
	warn_of_use(r, &pair, now);
	pair_reset(&pair);
	return EX_OK;
}

static int check_one(const struct report *r)
{
	struct buf chain = BUF_INIT(PAIR_TEXT_MAX + 1), key = BUF_INIT(PAIR_TEXT_MAX + 1);
	int status = read_file(r, r->certificate->chain, false, &chain);
	int other = read_file(r, r->certificate->key, true, &key);
	/* A key that others can read is still one to look at. */
	if (status == EX_OK && other != EX_NOPERM && key.p != NULL)
		status = check_texts(r, buf_str(&chain), buf_str(&key));
	if (status != EX_CONFIG && other != EX_OK)
		status = other;
	if (key.p != NULL)
		OPENSSL_cleanse(key.p, key.cap);
	buf_release(&key);
	buf_release(&chain);
	return status == EX_NOPERM ? EX_OK : status;
}

int check_certificates(const struct conf *conf, const char *conf_path, FILE *out)
{
	int status = EX_OK;
	for (size_t i = 0; i < conf->certificate_count; i++) {
		const struct report r = {conf_path, &conf->certificates[i], out};
		if (check_one(&r) != EX_OK)
			status = EX_CONFIG;
	}
	return status;
}
