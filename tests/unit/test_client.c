/* SPDX-License-Identifier: ISC
 *
 * A server that breaks off, shuts down or says nonsense at every place of a good
 * session, for every kind of session: no recipient is ever said to be taken unless the
 * reply to the content was there to its last octet, and each has exactly one result.
 */
#include "tests/unit/client-harness.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

/* Replies, each given when the client waits for it; in groups, as a pipelining server does. */
struct script {
	const char *name;
	enum nexthop_protocol protocol;
	bool tls;
	size_t taken_from; /* group whose end means taken; all of those behind it say so of one */
	const char *groups[12];
};

#define HELLO_ALL                                                                                  \
	"250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250-DSN\r\n250 SMTPUTF8\r\n"

static const struct script scripts[] = {
    {"plain", NEXTHOP_SMTP, false, 7,
	{"220 mx ESMTP\r\n", "250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "250-ok\r\n250 ok\r\n",
	    "250 ok\r\n", "354 go\r\n", "250-queued\r\n250 2.0.0 queued as 123\r\n"}},
    {"pipelining", NEXTHOP_SMTP, false, 3,
	{"220-mx\r\n220 ESMTP\r\n", HELLO_ALL,
	    "250 ok\r\n250 ok\r\n250 ok\r\n250-ok\r\n250 ok\r\n354 go\r\n", "250 queued\r\n"}},
    {"chunking", NEXTHOP_SMTP, false, 2,
	{"220 mx\r\n", "250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n",
	    "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n"}},
    {"tls", NEXTHOP_SMTP, true, 5,
	{"220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go ahead\r\n", HELLO_ALL,
	    "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", "250 queued\r\n"}},
    {"lmtp", NEXTHOP_LMTP, false, 3,
	{"220 mx\r\n", HELLO_ALL, "250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
	    "250 ann ok\r\n", "250-bob\r\n250 ok\r\n", "250 cy ok\r\n"}},
};
enum { SCRIPTS = sizeof(scripts) / sizeof(scripts[0]), RECIPIENTS = 3 };

static void set_up(struct harness *h, const struct script *s)
{
	harness_init(h);
	h->policy.protocol = s->protocol;
	h->policy.eager_content = true;
	h->policy.tls = s->tls ? CLIENT_TLS_MUST : CLIENT_TLS_NONE;
	harness_add_recipient(h, "ann@example.net");
	harness_add_recipient(h, "bob@example.net");
	harness_add_recipient(h, "cy@example.net");
	buf_append_str(&h->content, STR("Subject: x\r\n\r\nHello\r\n.\r\n"));
	harness_start(h);
}

static void check(const struct harness *h, const struct script *s, const char *what, size_t at)
{
	const char *why = harness_check(h);
	ck_assert_msg(why == NULL, "%s, %s at %zu: %s", s->name, what, at, why);
}

/* What the caller does between replies. */
static void answer(struct harness *h, bool *sent)
{
	if (client_need(&h->client) == CLIENT_TLS)
		harness_tls(h);
	if (client_need(&h->client) == CLIENT_READY && !*sent) {
		*sent = true;
		harness_send(h);
	}
}

struct played {
	size_t octets; /* of the server's */
	bool sent;
};

/* Plays the script up to so many octets; how many recipients must be said to be taken then. */
static size_t play(struct harness *h, const struct script *s, size_t limit, struct played *p)
{
	size_t taken = 0;
	*p = (struct played){0};
	for (size_t i = 0; s->groups[i] != NULL && p->octets < limit; i++) {
		struct str group = str_from_cstr(s->groups[i]);
		struct str part = str_head(group, limit - p->octets);
		harness_feed(h, part);
		p->octets += part.n;
		answer(h, &p->sent);
		if (part.n == group.n && i >= s->taken_from)
			taken = s->protocol == NEXTHOP_LMTP ? taken + 1 : RECIPIENTS;
	}
	return taken;
}

static size_t length(const struct script *s)
{
	struct harness h;
	struct played p;
	set_up(&h, s);
	size_t taken = play(&h, s, SIZE_MAX, &p);
	check(&h, s, "end", p.octets);
	ck_assert_uint_eq(taken, RECIPIENTS);
	ck_assert_uint_eq(harness_taken(&h), RECIPIENTS);
	ck_assert_int_eq(client_need(&h.client), CLIENT_READY);
	ck_assert(client_may_send(&h.client));
	harness_free(&h);
	return p.octets;
}

typedef void harm(struct harness *h);

static void fall_silent(struct harness *h)
{
	harness_timeout(h);
}

static void end_ourselves(struct harness *h)
{
	client_on_own_fault(&h->client, STR("4.3.2"), STR("we are going down"));
}

static void say_garbage(struct harness *h)
{
	harness_feed(h, STR("\xff\0garbage\n9"));
}

static void say_endlessly(struct harness *h)
{
	for (unsigned i = 0; i < 100 && client_need(&h->client) != CLIENT_OVER; i++)
		harness_feed(h, STR("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
}

static void say_354(struct harness *h)
{
	harness_feed(h, STR("\r\n354 go\r\n354 go\r\n"));
}

static const struct {
	const char *name;
	harm *fn;
} harms[] = {{"lost", harness_close}, {"silent", fall_silent}, {"our end", end_ourselves},
    {"garbage", say_garbage}, {"endless", say_endlessly}, {"354", say_354}};

/* In the middle of a reply line, what is said next may complete it to one of another text. */
START_TEST(harm_at_every_octet)
{
	for (size_t i = 0; i < SCRIPTS; i++) {
		const struct script *s = &scripts[i];
		size_t octets = length(s);
		for (size_t k = 0; k < sizeof(harms) / sizeof(harms[0]); k++)
			for (size_t at = 0; at <= octets; at++) {
				struct harness h;
				struct played p;
				set_up(&h, s);
				size_t taken = play(&h, s, at, &p);
				check(&h, s, "before the harm", at);
				ck_assert_uint_eq(harness_taken(&h), taken);
				harms[k].fn(&h);
				check(&h, s, harms[k].name, at);
				bool completes = k > 2;
				ck_assert(completes || harness_taken(&h) == taken);
				ck_assert(completes || client_need(&h.client) == CLIENT_OVER);
				harness_free(&h);
			}
	}
}
END_TEST

/* Every reply in turn is another one. */
static size_t play_with(
    struct harness *h, const struct script *s, size_t which, struct str other, bool *replaced)
{
	bool sent = false;
	size_t line = 0, taken = 0;
	*replaced = false;
	for (size_t i = 0; s->groups[i] != NULL; i++) {
		struct str group = str_from_cstr(s->groups[i]);
		struct buf now = BUF_INIT(SIZE_MAX / 2);
		for (; group.n > 0; line++) {
			size_t n = 0;
			while (group.p[n + 3] == '-')
				n += str_find(str_skip(group, n), '\n') + 1;
			n += str_find(str_skip(group, n), '\n') + 1;
			*replaced |= line == which;
			buf_append_str(&now, line == which ? other : str_head(group, n));
			group = str_skip(group, n);
		}
		if (client_need(&h->client) != CLIENT_OVER) {
			harness_feed(h, buf_str(&now));
			answer(h, &sent);
		}
		buf_release(&now);
		taken = harness_taken(h);
	}
	return taken;
}

static const char *const others[] = {"421 4.3.2 going down\r\n", "421\r\n", "450 4.2.0 later\r\n",
    "550 5.1.1 no\r\n", "200 what\r\n", "354 go\r\n", "599-x\r\n599 x\r\n", "250-x\r\n251 x\r\n",
    "1xx\r\n", "\r\n", "252 \xc3\xbc\r\n", "220 x\r\n", "334 x\r\n"};

START_TEST(another_reply_at_every_place)
{
	for (size_t i = 0; i < SCRIPTS; i++)
		for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
			bool replaced = true;
			for (size_t at = 0; replaced; at++) {
				struct harness h;
				set_up(&h, &scripts[i]);
				struct str other = str_from_cstr(others[k]);
				size_t taken = play_with(&h, &scripts[i], at, other, &replaced);
				check(&h, &scripts[i], others[k], at);
				/* One who was refused is not taken. */
				if (replaced && (other.p[0] == '4' || other.p[0] == '5'))
					ck_assert_msg(taken < RECIPIENTS, "%s, %s at %zu",
					    scripts[i].name, others[k], at);
				harness_close(&h);
				check(&h, &scripts[i], others[k], at);
				harness_free(&h);
			}
		}
}
END_TEST

START_TEST(a_lost_connection_may_have_taken_it)
{
	for (size_t i = 0; i < SCRIPTS; i++) {
		struct harness h;
		struct played p;
		size_t octets = length(&scripts[i]);
		set_up(&h, &scripts[i]);
		play(&h, &scripts[i], octets - 1, &p);
		harness_close(&h);
		const struct client_result *last = &h.last->results[RECIPIENTS - 1].r;
		ck_assert_int_eq(last->outcome, DELIVERY_DEFERRED);
		ck_assert(last->maybe_taken && !last->next_host);
		harness_free(&h);
	}
}
END_TEST

/* What did not leave cannot have been taken. */
START_TEST(content_that_did_not_leave)
{
	struct harness h;
	struct played p;
	set_up(&h, &scripts[2]);
	play(&h, &scripts[2], 1, &p);
	harness_feed(&h, str_skip(str_from_cstr(scripts[2].groups[0]), 1));
	client_feed(&h.client, str_from_cstr(scripts[2].groups[1]));
	harness_take_mail(&h);
	client_send(&h.client, &h.last->mail);
	ck_assert_uint_gt(buf_len(&h.out), h.mail.size);
	client_on_closed(&h.client, STR(""));
	ck_assert_uint_eq(buf_len(&h.out), 0);
	ck_assert(!h.last->results[0].r.maybe_taken && h.last->results[0].r.next_host);
	harness_free(&h);
}
END_TEST

static void send_large(struct harness *h, size_t n, bool unreadable)
{
	const struct script *s = &scripts[1];
	struct played p;
	set_up(h, s);
	buf_reset(&h->content);
	while (buf_len(&h->content) < n)
		buf_append_str(&h->content, STR(".line\r\nsome more of it\r\n"));
	h->unreadable = unreadable;
	h->unreadable_from = n / 2;
	play(h, s, SIZE_MAX, &p);
}

/* The content never waits in `out` as a whole. */
START_TEST(large_content_comes_in_pieces)
{
	struct harness h;
	send_large(&h, 5 * 1000 * 1000, false);
	ck_assert_uint_eq(harness_taken(&h), RECIPIENTS);
	ck_assert_uint_le(h.out.cap, 1024 * 1024);
	struct str tail = str_skip(buf_str(&h.sent), buf_len(&h.sent) - 5);
	ck_assert_str(tail, STR("\r\n.\r\n"));
	harness_free(&h);
}
END_TEST

/* Half of a content must not be ended with a dot. */
START_TEST(unreadable_content_is_never_ended)
{
	struct harness h;
	send_large(&h, 500 * 1000, true);
	ck_assert_int_eq(client_need(&h.client), CLIENT_OVER);
	ck_assert_uint_eq(harness_taken(&h), 0);
	ck_assert_int_eq(h.last->results[0].r.cause, CLIENT_OWN_FAULT);
	ck_assert(!h.last->results[0].r.maybe_taken);
	ck_assert(memmem(buf_data(&h.sent), buf_len(&h.sent), "\r\n.\r\n", 5) == NULL);
	harness_free(&h);
}
END_TEST

START_TEST(as_many_recipients_as_there_may_be)
{
	struct harness h;
	char addresses[CLIENT_RECIPIENTS_MAX][40];
	harness_init(&h);
	for (size_t i = 0; i < CLIENT_RECIPIENTS_MAX; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "r%zu@example.net", i);
		harness_add_recipient(&h, addresses[i]);
	}
	harness_start(&h);
	harness_feed(&h, STR("220 x\r\n"));
	harness_feed(&h, STR(HELLO_ALL));
	harness_send(&h);
	harness_feed(&h, STR("250 ok\r\n"));
	for (size_t i = 0; i < CLIENT_RECIPIENTS_MAX; i++)
		harness_feed(&h, i % 2 == 0 ? STR("250 ok\r\n") : STR("550 no\r\n"));
	harness_feed(&h, STR("354 go\r\n"));
	harness_feed(&h, STR("250 ok\r\n"));
	ck_assert(harness_check(&h) == NULL);
	ck_assert_uint_eq(harness_taken(&h), CLIENT_RECIPIENTS_MAX / 2);
	harness_free(&h);
}
END_TEST

START_TEST(mail_max_is_kept)
{
	struct harness h;
	harness_init(&h);
	harness_add_recipient(&h, "bob@example.net");
	harness_start(&h);
	harness_feed(&h, STR("220 x\r\n"));
	harness_feed(&h, STR("250-x\r\n250 LIMITS MAILMAX=2\r\n"));
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(client_may_send(&h.client));
		harness_send(&h);
		ck_assert(!client_may_send(&h.client));
		for (unsigned k = 0; k < 2; k++)
			harness_feed(&h, STR("250 ok\r\n"));
		harness_feed(&h, STR("354 ok\r\n"));
		harness_feed(&h, STR("250 ok\r\n"));
	}
	ck_assert_int_eq(client_need(&h.client), CLIENT_READY);
	ck_assert(!client_may_send(&h.client));
	harness_free(&h);
}
END_TEST

START_TEST(phases_are_told)
{
	static const struct {
		const char *reply;
		enum client_phase phase;
		const char *command;
	} rows[] = {
	    {"", CLIENT_PHASE_GREETING, "connect"},
	    {"220 x\r\n", CLIENT_PHASE_EHLO, "EHLO"},
	    {"250 x\r\n", CLIENT_PHASE_MAIL, "MAIL FROM"},
	    {"250 x\r\n", CLIENT_PHASE_RCPT, "RCPT TO"},
	    {"250 x\r\n", CLIENT_PHASE_DATA, "DATA"},
	    {"354 x\r\n", CLIENT_PHASE_END, "end of DATA"},
	    {"450 x\r\n", CLIENT_PHASE_RESET, "RSET"},
	};
	struct harness h;
	harness_init(&h);
	harness_add_recipient(&h, "bob@example.net");
	harness_start(&h);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		harness_feed(&h, str_from_cstr(rows[i].reply));
		if (client_need(&h.client) == CLIENT_READY)
			harness_send(&h);
		ck_assert_int_eq(client_phase(&h.client), rows[i].phase);
		ck_assert_str_eq(client_phase_command(&h.client), rows[i].command);
	}
	harness_free(&h);
}
END_TEST

UNIT_MAIN("client", harm_at_every_octet, another_reply_at_every_place,
    a_lost_connection_may_have_taken_it, content_that_did_not_leave, large_content_comes_in_pieces,
    unreadable_content_is_never_ended, as_many_recipients_as_there_may_be, mail_max_is_kept,
    phases_are_told)
