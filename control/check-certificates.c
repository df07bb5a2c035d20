/* SPDX-License-Identifier: ISC */
#include "control/check-certificates.h"
#include "common/buf.h"
#include "keys/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

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

/* EX_OK, EX_NOPERM when only root may, EX_CONFIG. */
static int read_file(const struct report *r, const char *path, struct buf *text)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		int error = errno;
		say(r, path,
		    error == EACCES ? "not checked: only root may read it" : strerror(error));
		return error == EACCES ? EX_NOPERM : EX_CONFIG;
	}
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PAIR_TEXT_MAX;
	uint8_t *to = ok ? buf_reserve(text, (size_t)st.st_size + 1) : NULL;
	ssize_t n = to == NULL ? -1 : read(fd, to, (size_t)st.st_size);
	close(fd);
	if (n < 0)
		say(r, path, "it is no file of at most 256 KiB");
	else
		buf_commit(text, (size_t)n);
	return n < 0 ? EX_CONFIG : EX_OK;
}

static int check_texts(const struct report *r, struct str chain, struct str key)
{
	struct pair pair;
	struct pair_fault fault;
	bool ok = pair_parse(chain, key, (int64_t)time(NULL), &pair, &fault);
	if (fault.why[0] != '\0')
		say(r, fault.file == PAIR_CHAIN ? r->certificate->chain : r->certificate->key,
		    fault.why);
	if (ok)
		pair_reset(&pair);
	return ok ? EX_OK : EX_CONFIG;
}

static int check_one(const struct report *r)
{
	struct buf chain = BUF_INIT(PAIR_TEXT_MAX + 1), key = BUF_INIT(PAIR_TEXT_MAX + 1);
	int status = read_file(r, r->certificate->chain, &chain);
	int other = read_file(r, r->certificate->key, &key);
	if (status == EX_OK && other == EX_OK)
		status = check_texts(r, buf_str(&chain), buf_str(&key));
	else if (status != EX_CONFIG)
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
