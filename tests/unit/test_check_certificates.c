/* SPDX-License-Identifier: ISC
 *
 * What `postern check` says of certificates and their keys.
 */
#include "control/check-certificates.h"
#include "tests/unit/scratch.h"
#include "tests/unit/self-signed.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static char name[64], chain[512], key[512];
static struct conf_certificate certificate = {.name = name, .chain = chain, .key = key, .line = 7};
static const struct conf conf = {.certificates = &certificate, .certificate_count = 1};
static struct self_signed mine;

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void make(const char *names, long days)
{
	self_signed_free(&mine);
	mine = self_signed_make("EC", names, days);
	write_file(chain, mine.certificate_text, 0644);
	write_file(key, mine.key_text, 0600);
}

static void setup(void)
{
	scratch_open();
	snprintf(name, sizeof(name), "mx.example.org");
	snprintf(chain, sizeof(chain), "%s/chain.pem", scratch_path());
	snprintf(key, sizeof(key), "%s/key.pem", scratch_path());
	mine = (struct self_signed){.key = NULL};
	make("DNS:mx.example.org", 90);
}

static void teardown(void)
{
	self_signed_free(&mine);
	scratch_close();
}

/* The status, and words of the one line that is said of that file; NULL: nothing is said. */
static void expect(int status, const char *path, const char *words)
{
	char *text = NULL, head[700];
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	ck_assert_int_eq(check_certificates(&conf, "postern.conf", out), status);
	fclose(out);
	if (words == NULL) {
		ck_assert_str_eq(text, "");
	} else {
		snprintf(head, sizeof(head), "postern.conf:7: %scertificate %s: %s: ",
		    status == EX_OK ? "warning: " : "", name, path);
		ck_assert_msg(strncmp(text, head, strlen(head)) == 0, "%s", text);
		ck_assert_msg(strstr(text, words) != NULL, "%s", text);
		ck_assert_ptr_eq(strchr(text, '\n'), text + n - 1);
	}
	free(text);
}

START_TEST(a_good_one)
{
	expect(EX_OK, NULL, NULL);
}
END_TEST

START_TEST(who_may_read_the_key)
{
	static const struct {
		mode_t mode;
		int status;
		const char *words;
	} rows[] = {
	    {0400, EX_OK, NULL},
	    {0640, EX_OK, NULL},
	    {0660, EX_OK, NULL},
	    {0644, EX_CONFIG, "everybody on this machine can read"},
	    {0604, EX_CONFIG, "everybody on this machine can read"},
	    {0666, EX_CONFIG, "everybody on this machine can write"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(chmod(key, rows[i].mode), 0);
		expect(rows[i].status, key, rows[i].words);
	}
	/* The certificate is what is shown to everybody. */
	ck_assert_int_eq(chmod(key, 0600), 0);
	ck_assert_int_eq(chmod(chain, 0666), 0);
	expect(EX_OK, NULL, NULL);
}
END_TEST

START_TEST(when_it_expires)
{
	static const struct {
		long days;
		const char *words;
	} rows[] = {{-1, "has expired"}, {1, "within 14 days"}, {13, "within 14 days"}, {15, NULL}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make("DNS:mx.example.org", rows[i].days);
		expect(EX_OK, chain, rows[i].words);
	}
}
END_TEST

START_TEST(whose_name_it_has)
{
	static const struct {
		const char *names;
		bool fits;
	} rows[] = {
	    {"DNS:mx.example.org", true},
	    {"DNS:a.example,DNS:MX.Example.org", true},
	    {"DNS:*.example.org", true},
	    {"DNS:example.org", false},
	    {"DNS:mx.example.com", false},
	    {"DNS:*.mx.example.org", false},
	    {"email:mx.example.org", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make(rows[i].names, 90);
		expect(EX_OK, chain, rows[i].fits ? NULL : "not for the name of this section");
	}
}
END_TEST

START_TEST(the_order_of_a_chain)
{
	struct self_signed other = self_signed_make("EC", "DNS:other.example", 90);
	char text[8192];
	snprintf(text, sizeof(text), "%s%s", other.certificate_text, mine.certificate_text);
	write_file(chain, text, 0644);
	expect(EX_CONFIG, key, "the certificate is not the first one in its file");
	self_signed_free(&other);
}
END_TEST

static X509 *parse(const char *text)
{
	BIO *in = BIO_new_mem_buf(text, -1);
	X509 *x = PEM_read_bio_X509(in, NULL, NULL, NULL);
	BIO_free(in);
	return x;
}

/* The text of `s`'s certificate as `issuer` would have made it. */
static char *certified_by(const struct self_signed *s, const struct self_signed *issuer)
{
	BIO *out = BIO_new(BIO_s_mem());
	X509 *x = parse(s->certificate_text), *by = parse(issuer->certificate_text);
	ck_assert(X509_set_issuer_name(x, X509_get_subject_name(by)) == 1 &&
		  X509_sign(x, issuer->key, EVP_sha256()) > 0 && PEM_write_bio_X509(out, x) == 1);
	char *text;
	long n = BIO_get_mem_data(out, &text);
	text = strndup(text, (size_t)n);
	X509_free(by);
	X509_free(x);
	BIO_free(out);
	return text;
}

START_TEST(who_certifies_it)
{
	struct self_signed authority = self_signed_make("EC", "DNS:authority.example", 90);
	char *leaf = certified_by(&mine, &authority), both[8192];
	write_file(chain, leaf, 0644);
	expect(EX_OK, chain, "stands alone");
	snprintf(both, sizeof(both), "%s%s", leaf, authority.certificate_text);
	write_file(chain, both, 0644);
	expect(EX_OK, NULL, NULL);
	free(leaf);
	self_signed_free(&authority);
}
END_TEST

START_TEST(a_key_of_another)
{
	struct self_signed other = self_signed_make("EC", "DNS:mx.example.org", 90);
	write_file(key, other.key_text, 0600);
	expect(EX_CONFIG, key, "it is not the key of the certificate");
	self_signed_free(&other);
}
END_TEST

START_TEST(files_that_are_not_there)
{
	ck_assert_int_eq(unlink(key), 0);
	expect(EX_CONFIG, key, "No such file");
	ck_assert_int_eq(mkfifo(key, 0600), 0);
	expect(EX_CONFIG, key, "it is no file");
	ck_assert_int_eq(unlink(key), 0);
	write_file(key, mine.key_text, 0600);
	ck_assert_int_eq(unlink(chain), 0);
	expect(EX_CONFIG, chain, "No such file");
}
END_TEST

/* Root's own, perhaps. */
START_TEST(files_that_others_may_not_read)
{
	if (geteuid() == 0)
		return; /* who may read all */
	ck_assert_int_eq(chmod(key, 0), 0);
	expect(EX_OK, key, "you may not read it");
	ck_assert_int_eq(chmod(key, 0600), 0);
	ck_assert_int_eq(chmod(chain, 0), 0);
	expect(EX_OK, chain, "you may not read it");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("check");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_good_one);
	tcase_add_test(tc, who_may_read_the_key);
	tcase_add_test(tc, when_it_expires);
	tcase_add_test(tc, whose_name_it_has);
	tcase_add_test(tc, the_order_of_a_chain);
	tcase_add_test(tc, who_certifies_it);
	tcase_add_test(tc, a_key_of_another);
	tcase_add_test(tc, files_that_are_not_there);
	tcase_add_test(tc, files_that_others_may_not_read);
	return unit_run_case("check-certificates", tc);
}
