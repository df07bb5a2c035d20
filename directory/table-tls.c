/* SPDX-License-Identifier: ISC
 *
 * tls: KEY POLICY [NAME or FINGERPRINT ...], one a line. KEY is a domain or a host,
 * ".example.org" for all below it, "*", or a nexthop with its protocol.
 */
#include "common/fingerprint.h"
#include "common/nexthop.h"
#include "directory/lines.h"
#include "directory/records.h"
#include "directory/table.h"

static const struct {
	struct str word;
	enum tls_policy policy;
} policies[] = {
    {STR("none"), TLS_NONE},
    {STR("may"), TLS_MAY},
    {STR("encrypt"), TLS_ENCRYPT},
    {STR("dane"), TLS_DANE},
    {STR("dane-only"), TLS_DANE_ONLY},
    {STR("verify"), TLS_VERIFY},
    {STR("fingerprint"), TLS_FINGERPRINT},
};

static bool find_policy(struct str word, enum tls_policy *out)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (str_caseeq(policies[i].word, word)) {
			*out = policies[i].policy;
			return true;
		}
	return false;
}

const char *tls_policy_word(enum tls_policy policy)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (policies[i].policy == policy)
			return policies[i].word.p;
	return "?";
}

static bool read_key(struct str text, struct pool *pool, struct str *key, const char **why)
{
	char canonical[NEXTHOP_TEXT_SIZE];
	struct nexthop n;
	bool brackets = text.n > 0 && text.p[0] == '[';
	if (str_find(text, ':') == text.n && !brackets)
		return table_read_pattern(text, pool, key, why);
	*why = "is neither a domain nor a nexthop: write example.org or smtp:[mx.example.org]:25";
	if (!nexthop_parse(text, &n))
		return false;
	*why = "is a relay or a socket, for which the configuration says what holds";
	if (n.kind == NEXTHOP_RELAY || n.kind == NEXTHOP_SOCKET)
		return false;
	return pool_copy(pool, nexthop_format(&n, canonical), key);
}

static bool read_fingerprint(struct str text, struct pool *pool, struct str *out)
{
	char *octets = pool_alloc(pool, FINGERPRINT_SIZE);
	*out = (struct str){octets, FINGERPRINT_SIZE};
	return octets != NULL && fingerprint_parse(text, (uint8_t *)octets);
}

/* What openssl prints are two words, "sha256 Fingerprint=AA:BB:..."; they are one argument. */
static struct str take_argument(struct str *text, enum tls_policy policy)
{
	struct str word = table_word(text);
	if (policy != TLS_FINGERPRINT || !str_caseeq(word, STR("sha256")) || text->n == 0)
		return word;
	struct str next = table_word(text);
	return (struct str){word.p, (size_t)(next.p + next.n - word.p)};
}

static const char *read_argument(struct str word, struct pool *pool, struct tls_record *r)
{
	const char *why;
	if (r->policy == TLS_FINGERPRINT) {
		if (r->fingerprint_count == TLS_FINGERPRINTS_MAX)
			return "is one more than the 8 fingerprints that there can be";
		return read_fingerprint(word, pool, &r->fingerprints[r->fingerprint_count++].sha256)
			   ? NULL
			   : "is no SHA-256 fingerprint: " FINGERPRINT_HELP;
	}
	if (r->policy != TLS_VERIFY)
		return "is one word too many: only verify and fingerprint have something after "
		       "them";
	if (r->name_count == TLS_NAMES_MAX)
		return "is one more than the 8 names that there can be";
	if (str_eq(word, STR("*")))
		return "is no name: write verify alone for the name of the server";
	return table_read_pattern(word, pool, &r->names[r->name_count++].name, &why) ? NULL : why;
}

static const char *read_policy(
    struct str text, struct pool *pool, struct tls_record *r, struct str *culprit)
{
	*culprit = table_word(&text);
	if (!find_policy(*culprit, &r->policy))
		return "is no policy: write none, may, encrypt, dane, dane-only, verify or "
		       "fingerprint";
	if (r->policy == TLS_FINGERPRINT && text.n == 0)
		return "has no fingerprint after it: write the SHA-256 of the certificate";
	while (text.n > 0) {
		*culprit = take_argument(&text, r->policy);
		const char *why = read_argument(*culprit, pool, r);
		if (why != NULL)
			return why;
	}
	return NULL;
}

static void read_line(
    struct table *t, const struct line *line, struct pool *scratch, struct faults *f)
{
	struct table_entry e = {.line = line->number};
	struct tls_record record = {0};
	struct str rest = line->text;
	struct str culprit = table_word(&rest);
	const char *why = "has no policy: write one after it, such as dane or verify";
	struct buf value = BUF_INIT(RECORD_VALUE_MAX);
	if (rest.n > 0 && read_key(culprit, t->pool, &e.key, &why))
		why = read_policy(rest, scratch, &record, &culprit);
	if (why == NULL && (!tls_put(&value, &record) || !table_add_record(t, &e, &value)))
		why = "is too long";
	if (why != NULL)
		faults_add(f, t->file, line->number, "\"%s\" %s", fault_text(culprit).s, why);
	buf_release(&value);
}

void table_parse_tls(struct table *t, struct str text, struct faults *faults)
{
	table_each_line(t, text, faults, read_line);
}
