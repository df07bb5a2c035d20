/* SPDX-License-Identifier: ISC
 *
 * RFC 8689 in the real deliver-remote: mail that requires TLS, notices of such mail, mail that says
 * it needs none, and the sessions that they may share.
 */
#include "common/envelope.h"
#include "deliver-remote/session.h"
#include "tests/unit/remote-stage.h"
#include "tests/unit/unit.h"
#include "tests/unit/unit-loop.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct remote_stage st;
static struct remote_listener first, second; /* at 127.0.0.1 and 127.0.0.2, the same port */
static struct remote_peer peer, other;
static struct remote_certificate cert;
static uint8_t digest[32];
static struct remote_record records[8];
static const char *more = ""; /* of the section remote */

/* `known`: the certificate's authority is. */
static void start(const char *name, bool known)
{
	char path[] = "/tmp/test-authorities-XXXXXX", options[256];
	remote_certificate_make(&cert, name);
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	if (known)
		PEM_write_X509(f, cert.cert);
	fclose(f);
	remote_listen(&first, 1, 0);
	remote_listen(&second, 2, first.port);
	snprintf(options, sizeof(options), "port = %u\nauthorities = \"%s\"\n%s", first.port, path,
	    more);
	ck_assert_msg(remote_start(&st, "", options), "deliver-remote does not start");
	unlink(path);
	st.hop.tls = TLS_DANE;
}

/* Two hosts for far.example, both with the certificate that their TLSA records name. */
static void begin(bool secure)
{
	unsigned n = sizeof(digest);
	uint8_t *der = NULL;
	start("a.far.example", false);
	int der_n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert.cert), &der);
	ck_assert_int_eq(EVP_Digest(der, (size_t)der_n, digest, &n, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	const struct tlsa record = {3, 1, 1, str_from(digest, sizeof(digest))};
	const struct remote_record list[] = {
	    {.name = "far.example",
		.type = 'm',
		.secure = secure,
		.preference = 1,
		.value = "a.far.example"},
	    {.name = "far.example",
		.type = 'm',
		.secure = secure,
		.preference = 2,
		.value = "b.far.example"},
	    {.name = "a.far.example", .type = '4', .secure = true, .value = "127.0.0.1"},
	    {.name = "b.far.example", .type = '4', .secure = true, .value = "127.0.0.2"},
	    {.name = "a.far.example", .type = 't', .secure = true, .tlsa = record},
	    {.name = "b.far.example", .type = 't', .secure = true, .tlsa = record},
	};
	memcpy(records, list, sizeof(list));
	memcpy(st.records, records, sizeof(records));
}

static void end(void)
{
	remote_certificate_free(&cert);
	remote_listen_close(&first);
	remote_listen_close(&second);
	remote_stop(&st);
}

static uint64_t deliver(unsigned flags)
{
	st.flags = (uint16_t)flags;
	return remote_deliver(&st, "far.example");
}

static const struct remote_answer *expect(
    uint64_t delivery, enum delivery_outcome outcome, const char *status, const char *text)
{
	const struct remote_answer *a = remote_answer(&st, delivery);
	ck_assert_uint_eq(a->count, 1);
	ck_assert_msg(a->list[0].outcome == outcome && strstr(a->list[0].text, text) != NULL,
	    "outcome %u, \"%s\" instead of \"%s\"", a->list[0].outcome, a->list[0].text, text);
	ck_assert_str_eq(a->list[0].status, status);
	return a;
}

/* Up to the second EHLO, which is answered with `extension`. */
static void meet_tls(struct remote_listener *l, struct remote_peer *p, const char *extension)
{
	char reply[128];
	remote_accept(l, p);
	remote_hello(p, "STARTTLS");
	remote_expect(p, "STARTTLS");
	remote_say(p, "220 go\r\n");
	ck_assert(remote_peer_tls(p, &cert));
	remote_expect(p, "EHLO ");
	snprintf(reply, sizeof(reply), "250-x\r\n250-%s\r\n250 8BITMIME\r\n", extension);
	remote_say(p, reply);
}

static void take(struct remote_peer *p, const char *mail)
{
	remote_expect(p, mail);
	remote_say(p, "250 ok\r\n");
	remote_expect(p, "RCPT TO:<bob@far.example>");
	remote_say(p, "250 ok\r\n");
	remote_expect(p, "DATA");
	remote_say(p, "354 go\r\n");
	remote_expect_content(p);
	remote_say(p, "250 2.0.0 taken\r\n");
}

#define REQUIRED "MAIL FROM:<ann@example.org> REQUIRETLS\r\n"
#define PLAIN	 "MAIL FROM:<ann@example.org>\r\n"

/* ---- REQUIRETLS ------------------------------------------------------------ */

/* Also where the operator asks for less than DANE: 0 dane, 1 may, 2 encrypt. */
START_TEST(goes_to_who_is_proved_and_promises)
{
	static const enum tls_policy policies[] = {TLS_DANE, TLS_MAY, TLS_ENCRYPT};
	for (size_t i = 0; i < 3; i++) {
		begin(true);
		st.hop.tls = (uint8_t)policies[i];
		uint64_t d = deliver(ENVELOPE_REQUIRETLS);
		meet_tls(&first, &peer, "REQUIRETLS");
		take(&peer, REQUIRED);
		const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
		ck_assert_uint_eq(a->tls, REMOTE_TLS_VERIFIED);
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

START_TEST(next_host_when_one_does_not_promise)
{
	begin(true);
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "PIPELINING");
	meet_tls(&second, &other, "REQUIRETLS");
	take(&other, REQUIRED);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	ck_assert_uint_eq(a->tried_count, 1);
	ck_assert(strstr(a->tried[0].said, "does not promise") != NULL);
	remote_peer_close(&peer);
	remote_peer_close(&other);
	end();
}
END_TEST

START_TEST(fails_when_nobody_promises)
{
	begin(true);
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "PIPELINING");
	meet_tls(&second, &other, "SIZE 1000");
	const struct remote_answer *a =
	    expect(d, DELIVERY_FAILED, "5.7.30", "b.far.example[127.0.0.2]");
	ck_assert_uint_eq(a->verdict, REMOTE_WORKS);
	ck_assert_str_eq(a->list[0].mta, "b.far.example");
	remote_peer_close(&peer);
	remote_peer_close(&other);
	end();
}
END_TEST

/* Though other mail gives up before (ROUTE_SESSIONS_MAX). */
START_TEST(each_host_is_asked)
{
	static const char *const hosts[] = {
	    "a.far.example", "b.far.example", "c.far.example", "d.far.example", "e.far.example"};
	begin(true);
	struct remote_peer peers[5];
	struct remote_record *r = st.records;
	const struct tlsa record = records[4].tlsa;
	for (uint16_t i = 0; i < 5; i++) {
		*r++ = (struct remote_record){.name = "far.example",
		    .type = 'm',
		    .secure = true,
		    .preference = i,
		    .value = hosts[i]};
		*r++ = (struct remote_record){
		    .name = hosts[i], .type = '4', .secure = true, .value = "127.0.0.1"};
		*r++ = (struct remote_record){
		    .name = hosts[i], .type = 't', .secure = true, .tlsa = record};
	}
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	for (int i = 0; i < 5; i++)
		meet_tls(&first, &peers[i], i < 4 ? "PIPELINING" : "REQUIRETLS");
	take(&peers[4], REQUIRED);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	for (int i = 0; i < 5; i++)
		remote_peer_close(&peers[i]);
	end();
}
END_TEST

/* A host may be proved and able later: then this mail waits. */
START_TEST(waits_for_a_host_that_is_away)
{
	begin(true);
	remote_listen_close(&second);
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "PIPELINING");
	expect(d, DELIVERY_DEFERRED, "4.4.1", "Connection refused");
	remote_peer_close(&peer);
	remote_listen(&second, 2, first.port);
	end();
}
END_TEST

/* Proven: as if it were not in the list. */
START_TEST(fails_when_the_other_host_does_not_exist)
{
	begin(true);
	records[3].state = DNS_NO_NAME;
	records[3].value = NULL;
	memcpy(st.records, records, sizeof(records));
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "PIPELINING");
	expect(d, DELIVERY_FAILED, "5.7.30", "");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* Without taking it; waits that long. */
static bool has_client(const struct remote_listener *l, int ms)
{
	struct pollfd fd = {.fd = l->fd, .events = POLLIN};
	return poll(&fd, 1, ms) == 1;
}

static struct remote_listener *whoever_is_asked(void)
{
	for (int i = 0; i < REMOTE_PATIENCE_MS; i++) {
		unit_turn();
		if (has_client(&first, 1))
			return &first;
		if (has_client(&second, 0))
			return &second;
	}
	ck_abort_msg("nobody is asked");
}

/* What a host does not promise at one address it does not promise at another. */
START_TEST(other_addresses_of_the_host_are_not_asked)
{
	begin(true);
	records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
	records[3].name = "a.far.example";
	memcpy(st.records, records, sizeof(records));
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(whoever_is_asked(), &peer, "PIPELINING");
	expect(d, DELIVERY_FAILED, "5.7.30", "");
	ck_assert(!has_client(&first, 0) && !has_client(&second, 0));
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(waits_when_the_handshake_hangs)
{
	more = "command-timeout = 1";
	begin(true);
	records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
	memcpy(st.records, records, sizeof(records));
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	remote_accept(&first, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n");
	expect(d, DELIVERY_DEFERRED, "4.7.5", "it took too long");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* The line, not the server, is at fault. */
START_TEST(waits_when_the_handshake_is_cut_off)
{
	begin(true);
	records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
	memcpy(st.records, records, sizeof(records));
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	remote_accept(&first, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n");
	remote_peer_close(&peer);
	expect(d, DELIVERY_DEFERRED, "4.7.5", "TLS handshake failed");
	end();
}
END_TEST

/* RFC 7672 §2.2 would have them demand encryption alone. */
START_TEST(never_by_records_that_openssl_does_not_take)
{
	begin(true);
	records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
	records[4].tlsa.matching = 0; /* no key is like that */
	memcpy(st.records, records, sizeof(records));
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	remote_accept(&first, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n");
	expect(d, DELIVERY_FAILED, "5.7.10", "what is demanded cannot be checked");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* 0: STARTTLS is not offered, 1: refused for good, 2: no TLS comes of it. The destination is not
 * blamed: its other mail goes on. */
START_TEST(never_without_tls)
{
	for (int i = 0; i < 3; i++) {
		begin(true);
		records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
		memcpy(st.records, records, sizeof(records));
		uint64_t d = deliver(ENVELOPE_REQUIRETLS);
		remote_accept(&first, &peer);
		remote_hello(&peer, i == 0 ? "REQUIRETLS" : "REQUIRETLS\nSTARTTLS");
		if (i > 0) {
			remote_expect(&peer, "STARTTLS");
			remote_say(&peer, i == 1 ? "554 5.7.0 no\r\n" : "220 go\r\nno TLS\r\n");
		}
		const struct remote_answer *a = expect(d, DELIVERY_FAILED, "5.7.10", "");
		ck_assert_uint_eq(a->verdict, REMOTE_UNKNOWN);
		ck_assert(!remote_has_client(&first));
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

START_TEST(waits_when_starttls_is_put_off)
{
	begin(true);
	records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
	memcpy(st.records, records, sizeof(records));
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	remote_accept(&first, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "454 4.7.0 no certificate now\r\n");
	ck_assert_uint_eq(remote_answer(&st, d)->list[0].outcome, DELIVERY_DEFERRED);
	remote_peer_close(&peer);
	end();
}
END_TEST

/* Another key than the TLSA records', or an authority that nobody knows, where there are none. */
START_TEST(never_to_who_is_not_proved)
{
	for (int i = 0; i < 2; i++) {
		begin(true);
		digest[0] ^= 1;
		records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
		if (i == 1)
			records[4] = (struct remote_record){.name = "nothing", .type = 't'};
		memcpy(st.records, records, sizeof(records));
		uint64_t d = deliver(ENVELOPE_REQUIRETLS);
		remote_accept(&first, &peer);
		remote_hello(&peer, "STARTTLS");
		remote_expect(&peer, "STARTTLS");
		remote_say(&peer, "220 go\r\n");
		remote_peer_tls(&peer, &cert);
		expect(d, DELIVERY_FAILED, "5.7.10", "certificate verification failed");
		ck_assert(!remote_has_client(&first));
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

/* RFC 8689 §2: the exchangers' names from DNS without DNSSEC are anybody's. */
START_TEST(never_to_names_that_anybody_may_have_given)
{
	begin(false);
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	expect(d, DELIVERY_FAILED, "5.7.10", "not secured by DNSSEC");
	ck_assert(!remote_has_client(&first) && !remote_has_client(&second));
	end();
}
END_TEST

/* Without MX records the domain's own name is asked for, which is the sender's word: a certificate
 * for it is proof, whatever DNS was made to say. */
START_TEST(the_domain_itself_needs_no_dnssec)
{
	for (int i = 0; i < 2; i++) {
		start(i == 0 ? "far.example" : "evil.example", true);
		st.records[0] = (struct remote_record){
		    .name = "far.example", .type = '4', .value = "127.0.0.1"};
		uint64_t d = deliver(ENVELOPE_REQUIRETLS);
		if (i == 0) {
			meet_tls(&first, &peer, "REQUIRETLS");
			take(&peer, REQUIRED);
			ck_assert_uint_eq(
			    expect(d, DELIVERY_TAKEN, "2.0.0", "taken")->tls, REMOTE_TLS_VERIFIED);
		} else {
			remote_accept(&first, &peer);
			remote_hello(&peer, "STARTTLS");
			remote_expect(&peer, "STARTTLS");
			remote_say(&peer, "220 go\r\n");
			remote_peer_tls(&peer, &cert);
			expect(d, DELIVERY_FAILED, "5.7.10", "hostname mismatch");
		}
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

/* Unless the operator knows the server's key. */
START_TEST(a_pinned_key_needs_no_dnssec)
{
	begin(false);
	struct hop_fingerprint list[1] = {{.sha256 = str_from(digest, sizeof(digest))}};
	st.hop.tls = TLS_FINGERPRINT;
	st.hop.fingerprints = list;
	st.hop.fingerprints_count = 1;
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "REQUIRETLS");
	take(&peer, REQUIRED);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* Or whose name its certificate must have. */
START_TEST(a_name_of_the_operators_needs_no_dnssec)
{
	struct hop_name list[1] = {{.name = STR("a.far.example")}};
	start("a.far.example", true);
	st.records[0] =
	    (struct remote_record){.name = "far.example", .type = 'm', .value = "a.far.example"};
	st.records[1] =
	    (struct remote_record){.name = "a.far.example", .type = '4', .value = "127.0.0.1"};
	st.hop.tls = TLS_VERIFY;
	st.hop.names = list;
	st.hop.names_count = 1;
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "REQUIRETLS");
	take(&peer, REQUIRED);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(waits_when_dns_withholds)
{
	begin(true);
	st.records[4].state = st.records[5].state = DNS_BOGUS;
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	expect(d, DELIVERY_DEFERRED, "4.7.5", "TLSA records");
	end();
}
END_TEST

/* ---- notices ------------------------------------------------------------------ */

START_TEST(a_notice_is_protected_where_it_can_be)
{
	begin(true);
	st.from_nobody = true;
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "PIPELINING");
	meet_tls(&second, &other, "REQUIRETLS");
	take(&other, "MAIL FROM:<> REQUIRETLS\r\n");
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	remote_peer_close(&peer);
	remote_peer_close(&other);
	end();
}
END_TEST

/* RFC 8689 §5: nobody promises, so it goes as other mail does: to a server that DANE proves, and,
 * where there is none of that, even in clear. */
START_TEST(a_notice_is_not_lost)
{
	begin(true);
	st.from_nobody = true;
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "PIPELINING");
	remote_listen_close(&second);
	struct remote_peer again;
	meet_tls(&first, &again, "SIZE 1000");
	take(&again, "MAIL FROM:<> SIZE=21\r\n");
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_VERIFIED);
	ck_assert(remote_logged(&st, "the notice goes without: nexthop=far.example"));
	remote_peer_close(&peer);
	remote_peer_close(&again);
	remote_listen(&second, 2, first.port);
	end();
}
END_TEST

/* Of who does not answer nothing is known: it may promise tomorrow. */
START_TEST(a_notice_waits_for_hosts_that_are_away)
{
	begin(true);
	st.from_nobody = true;
	uint16_t port = first.port;
	remote_listen_close(&first);
	remote_listen_close(&second);
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	expect(d, DELIVERY_DEFERRED, "4.4.1", "Connection refused");
	ck_assert(!remote_logged(&st, "the notice goes without"));
	remote_listen(&first, 1, port);
	remote_listen(&second, 2, port);
	end();
}
END_TEST

START_TEST(a_notice_goes_in_clear_at_last)
{
	begin(false);
	st.from_nobody = true;
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	remote_accept(&first, &peer);
	remote_hello(&peer, "SIZE 1000");
	take(&peer, "MAIL FROM:<> SIZE=21\r\n");
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	remote_peer_close(&peer);
	end();
}
END_TEST

/* ---- TLS-Required: No ----------------------------------------------------------- */

/* TLSA records that do not match: it is delivered, encrypted, where other mail waits. */
START_TEST(lifts_what_the_domain_asks_for)
{
	begin(true);
	digest[0] ^= 1;
	uint64_t d = deliver(ENVELOPE_TLS_OPTIONAL);
	meet_tls(&first, &peer, "REQUIRETLS");
	take(&peer, PLAIN);
	const struct remote_answer *a = expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	ck_assert_uint_eq(a->tls, REMOTE_TLS_UNTRUSTED);
	ck_assert_uint_eq(st.tlsa_queries, 0);
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(goes_in_clear_when_tls_fails)
{
	begin(true);
	uint64_t d = deliver(ENVELOPE_TLS_OPTIONAL);
	remote_accept(&first, &peer);
	remote_hello(&peer, "STARTTLS");
	remote_expect(&peer, "STARTTLS");
	remote_say(&peer, "220 go\r\n");
	remote_say(&peer, "this is no TLS at all, is it?\r\n");
	remote_accept(&first, &other);
	remote_hello(&other, "STARTTLS");
	take(&other, PLAIN);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	remote_peer_close(&peer);
	remote_peer_close(&other);
	end();
}
END_TEST

/* Of `dane` alone: that is what the domain asks for, all else is the operator's. */
START_TEST(lifts_nothing_of_the_operators)
{
	static const enum tls_policy policies[] = {
	    TLS_ENCRYPT, TLS_DANE_ONLY, TLS_VERIFY, TLS_FINGERPRINT};
	struct hop_fingerprint list[1] = {{.sha256 = str_from(digest, sizeof(digest))}};
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		begin(true);
		records[1] = (struct remote_record){.name = "nothing", .type = 'm'};
		memcpy(st.records, records, sizeof(records));
		st.hop.tls = (uint8_t)policies[i];
		st.hop.fingerprints = list;
		st.hop.fingerprints_count = policies[i] == TLS_FINGERPRINT;
		uint64_t d = deliver(ENVELOPE_TLS_OPTIONAL);
		remote_accept(&first, &peer);
		remote_hello(&peer, "SIZE 1000");
		ck_assert_uint_eq(remote_answer(&st, d)->list[0].outcome, DELIVERY_DEFERRED);
		ck_assert(!remote_has_client(&first));
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

/* ---- sessions that are used again -------------------------------------------------- */

static void close_both(void)
{
	remote_peer_close(&peer);
	remote_peer_close(&other);
	end();
}

/* One whose certificate nobody looked at is that mail's alone. */
START_TEST(a_session_of_less_carries_nothing_else)
{
	static const unsigned next[] = {0, ENVELOPE_TLS_OPTIONAL};
	for (size_t i = 0; i < 2; i++) {
		begin(true);
		uint64_t d = deliver(ENVELOPE_TLS_OPTIONAL);
		meet_tls(&first, &peer, "REQUIRETLS");
		take(&peer, PLAIN);
		expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
		d = deliver(next[i]);
		remote_expect(&peer, "QUIT");
		meet_tls(&first, &other, "REQUIRETLS");
		take(&other, PLAIN);
		ck_assert_uint_eq(expect(d, DELIVERY_TAKEN, "2.0.0", "taken")->tls,
		    next[i] == 0 ? REMOTE_TLS_VERIFIED : REMOTE_TLS_UNTRUSTED);
		close_both();
	}
}
END_TEST

/* And one that was not made for mail that requires TLS is not taken for it. */
START_TEST(a_session_of_others_is_not_proof)
{
	begin(true);
	uint64_t d = deliver(0);
	meet_tls(&first, &peer, "REQUIRETLS");
	take(&peer, PLAIN);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &other, "REQUIRETLS");
	take(&other, REQUIRED);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	close_both();
}
END_TEST

START_TEST(a_session_of_more_carries_all)
{
	begin(true);
	uint64_t d = deliver(ENVELOPE_REQUIRETLS);
	meet_tls(&first, &peer, "REQUIRETLS");
	take(&peer, REQUIRED);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	d = deliver(ENVELOPE_REQUIRETLS);
	take(&peer, REQUIRED);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	d = deliver(0);
	take(&peer, PLAIN);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	d = deliver(ENVELOPE_TLS_OPTIONAL);
	take(&peer, PLAIN);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	ck_assert(!remote_has_client(&first));
	remote_peer_close(&peer);
	end();
}
END_TEST

static bool content_is_sent(struct remote_stage *stage)
{
	return stage->content_sent_count > 0;
}

static bool is_returned(struct remote_stage *stage)
{
	return stage->returned_count > 0;
}

/* Up to the content, whose verdict is to come. */
static void send_slowly(void)
{
	meet_tls(&first, &peer, "PIPELINING\r\n250-REQUIRETLS");
	remote_expect(&peer, "MAIL ");
	remote_expect(&peer, "RCPT ");
	remote_expect(&peer, "DATA");
	usleep(2 * SESSION_AHEAD_MIN_MS * 1000); /* it is some way off */
	remote_say(&peer, "250 ok\r\n250 ok\r\n354 go\r\n");
	remote_expect_content(&peer);
}

static void expect_commands(const char *mail)
{
	remote_expect(&peer, mail);
	remote_expect(&peer, "RCPT TO:<bob@far.example>");
	remote_expect(&peer, "DATA\r\n");
}

/* A mail with those flags, and one behind it, if there may be one. */
static void two_in_a_row(unsigned leading, unsigned following, uint64_t *leader, uint64_t *follower)
{
	begin(true);
	*leader = deliver(leading);
	send_slowly();
	ck_assert(remote_until(&st, content_is_sent));
	st.behind = *leader;
	*follower = deliver(following);
}

/* What a session was made for and what comes behind its mail, where that is no more. */
static const struct {
	unsigned leading, following;
	const char *mail;
} fitting[] = {
    {0, 0, PLAIN},
    {ENVELOPE_REQUIRETLS, ENVELOPE_REQUIRETLS, REQUIRED},
    {ENVELOPE_REQUIRETLS, 0, PLAIN},
    {0, ENVELOPE_TLS_OPTIONAL, PLAIN},
};

START_TEST(follows_on_a_session_that_fits)
{
	for (size_t i = 0; i < sizeof(fitting) / sizeof(fitting[0]); i++) {
		uint64_t leader, follower;
		two_in_a_row(fitting[i].leading, fitting[i].following, &leader, &follower);
		expect_commands(fitting[i].mail);
		remote_say(&peer, "250 2.0.0 first\r\n250 ok\r\n250 ok\r\n354 go\r\n");
		expect(leader, DELIVERY_TAKEN, "2.0.0", "first");
		remote_expect_content(&peer);
		remote_say(&peer, "250 2.0.0 second\r\n");
		expect(follower, DELIVERY_TAKEN, "2.0.0", "second");
		ck_assert_uint_eq(st.returned_count, 0);
		ck_assert(!remote_has_client(&first));
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

/* It goes back to queue, and the server hears nothing of it: what it reads next is other mail. */
START_TEST(nothing_follows_on_a_session_of_less)
{
	uint64_t leader, follower;
	two_in_a_row(0, ENVELOPE_REQUIRETLS, &leader, &follower);
	ck_assert(remote_until(&st, is_returned));
	ck_assert_uint_eq(st.returned, follower);
	remote_say(&peer, "250 2.0.0 first\r\n");
	expect(leader, DELIVERY_TAKEN, "2.0.0", "first");
	uint64_t d = deliver(0);
	take(&peer, PLAIN);
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	ck_assert(!remote_has_client(&first));
	remote_peer_close(&peer);
	end();
}
END_TEST

START_TEST(nothing_is_asked_for_behind_a_careless_mail)
{
	begin(true);
	uint64_t d = deliver(ENVELOPE_TLS_OPTIONAL);
	send_slowly();
	remote_say(&peer, "250 2.0.0 taken\r\n");
	expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
	ck_assert_uint_eq(st.content_sent_count, 0);
	remote_peer_close(&peer);
	end();
}
END_TEST

/* ---- LMTP ------------------------------------------------------------------------- */

/* Where mail ends (RFC 8689 §4.4). It is told where it can be: 0: without TLS, 1: within. */
START_TEST(lmtp_is_delivery)
{
	char store[64];
	for (int i = 0; i < 2; i++) {
		begin(true);
		snprintf(store, sizeof(store), "lmtp:[127.0.0.1]:%u", first.port);
		st.hop.tls = i == 0 ? TLS_NONE : TLS_ENCRYPT;
		st.flags = ENVELOPE_REQUIRETLS;
		uint64_t d = remote_deliver(&st, store);
		remote_accept(&first, &peer);
		remote_say(&peer, "220 x\r\n");
		remote_expect(&peer, "LHLO ");
		if (i == 1) {
			remote_say(&peer, "250-x\r\n250 STARTTLS\r\n");
			remote_expect(&peer, "STARTTLS");
			remote_say(&peer, "220 go\r\n");
			ck_assert(remote_peer_tls(&peer, &cert));
			remote_expect(&peer, "LHLO ");
		}
		remote_say(&peer, "250-x\r\n250 REQUIRETLS\r\n");
		take(&peer, i == 0 ? PLAIN : REQUIRED);
		expect(d, DELIVERY_TAKEN, "2.0.0", "taken");
		remote_peer_close(&peer);
		end();
	}
}
END_TEST

UNIT_MAIN("requiretls", goes_to_who_is_proved_and_promises, next_host_when_one_does_not_promise,
    fails_when_nobody_promises, each_host_is_asked, waits_for_a_host_that_is_away,
    never_without_tls, waits_when_starttls_is_put_off, waits_when_the_handshake_hangs,
    waits_when_the_handshake_is_cut_off, fails_when_the_other_host_does_not_exist,
    other_addresses_of_the_host_are_not_asked, never_by_records_that_openssl_does_not_take,
    never_to_who_is_not_proved, never_to_names_that_anybody_may_have_given,
    the_domain_itself_needs_no_dnssec, a_pinned_key_needs_no_dnssec,
    a_name_of_the_operators_needs_no_dnssec, waits_when_dns_withholds,
    a_notice_is_protected_where_it_can_be, a_notice_is_not_lost,
    a_notice_waits_for_hosts_that_are_away, a_notice_goes_in_clear_at_last,
    lifts_what_the_domain_asks_for, goes_in_clear_when_tls_fails, lifts_nothing_of_the_operators,
    a_session_of_less_carries_nothing_else, a_session_of_others_is_not_proof,
    a_session_of_more_carries_all, follows_on_a_session_that_fits,
    nothing_follows_on_a_session_of_less, nothing_is_asked_for_behind_a_careless_mail,
    lmtp_is_delivery)
