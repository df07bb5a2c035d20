/* SPDX-License-Identifier: ISC
 *
 * Every sequence of commands up to a length against a reference model of a few
 * flags: the same reply to each, the same messages, and after whatever ends a
 * transaction nothing of it left. POSTERN_MODEL_DEPTH sets another length.
 */
#include "tests/unit/smtp-harness.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the model: RFC 5321 §4.1.4, RFC 3030 §2, in flags ------------------------- */

struct model {
	bool greeted, mail, rcpt, chunks, login;
	unsigned messages;
};

static void forget(struct model *m)
{
	m->mail = m->rcpt = m->chunks = false;
}

static unsigned on_ehlo(struct model *m)
{
	forget(m);
	m->greeted = true;
	return 250;
}

static unsigned on_bad_helo(struct model *m)
{
	(void)m;
	return 501;
}

static unsigned on_mail(struct model *m)
{
	if (!m->greeted || m->mail)
		return 503;
	m->mail = true;
	return 250;
}

static unsigned on_bad_mail(struct model *m)
{
	return !m->greeted || m->mail ? 503 : 555;
}

static unsigned on_rcpt(struct model *m)
{
	if (!m->mail || m->chunks)
		return 503;
	m->rcpt = true;
	return 250;
}

static unsigned on_unknown_rcpt(struct model *m)
{
	return !m->mail || m->chunks ? 503 : 550;
}

static unsigned data(struct model *m, unsigned result)
{
	if (!m->mail || m->chunks)
		return 503;
	if (!m->rcpt)
		return 554;
	m->messages += result == 250;
	forget(m);
	return result;
}

static unsigned on_data(struct model *m)
{
	return data(m, 250);
}

static unsigned on_big_data(struct model *m)
{
	return data(m, 552);
}

static unsigned on_refused_data(struct model *m)
{
	return data(m, 452);
}

static unsigned chunk(struct model *m, bool last, unsigned result)
{
	bool mail = m->mail;
	if (m->mail && m->rcpt) {
		m->chunks = true;
		m->messages += last && result == 250;
		if (last || result != 250)
			forget(m);
		return result;
	}
	forget(m);
	return mail ? 554 : 503;
}

static unsigned on_chunk(struct model *m)
{
	return chunk(m, false, 250);
}

static unsigned on_last_chunk(struct model *m)
{
	return chunk(m, true, 250);
}

static unsigned on_big_chunk(struct model *m)
{
	return chunk(m, false, 552);
}

static unsigned on_rset(struct model *m)
{
	forget(m);
	return 250;
}

static unsigned on_vrfy(struct model *m)
{
	return m->greeted ? 252 : 503;
}

/* RFC 4954 §4: not in a transaction, not twice. */
static unsigned auth(struct model *m, unsigned result)
{
	if (!m->greeted || m->mail || m->login)
		return 503;
	m->login = result == 235;
	return result;
}

static unsigned on_auth(struct model *m)
{
	return auth(m, 235);
}

static unsigned on_aborted_auth(struct model *m)
{
	return auth(m, 501);
}

static const struct command {
	unsigned (*model)(struct model *m);
	const char *line;
	const char *content; /* behind a 354 or 334 */
	bool refused;	     /* by queue */
} commands[] = {
    {on_ehlo, "EHLO client.example\r\n", NULL, false},
    {on_bad_helo, "HELO <x>\r\n", NULL, false},
    {on_mail, "MAIL FROM:<a@client.example>\r\n", NULL, false},
    {on_bad_mail, "MAIL FROM:<b@client.example> X=1\r\n", NULL, false},
    {on_rcpt, "RCPT TO:<ann@example.org>\r\n", NULL, false},
    {on_unknown_rcpt, "RCPT TO:<nobody@example.org>\r\n", NULL, false},
    {on_data, "DATA\r\n", "QUIT\r\n.\r\n", false},
    {on_big_data, "DATA\r\n", "MAIL FROM:<>\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n.\r\n", false},
    {on_refused_data, "DATA\r\n", "x\r\n.\r\n", true},
    {on_chunk, "BDAT 6\r\nQUIT\r\n", NULL, false},
    {on_last_chunk, "BDAT 6 LAST\r\nQUIT\r\n", NULL, false},
    {on_big_chunk, "BDAT 42\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n", NULL, false},
    {on_rset, "RSET\r\n", NULL, false},
    {on_auth, "AUTH PLAIN\r\n", "AGFubgBzZWNyZXQ=\r\n", false},
    {on_aborted_auth, "AUTH PLAIN\r\n", "*\r\n", false},
    {on_vrfy, "VRFY m\303\274ller SMTPUTF8\r\n", NULL, false},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]), SIZE_LIMIT = 40, LENGTH_MAX = 12 };

static const struct reply refusal = {
    .code = 452, .enhanced = {"4.3.1", 5}, .text = {"Disk is full", 12}};

/* Of the last line. */
static unsigned code_of(struct harness *h)
{
	struct str out = buf_str(&h->out);
	size_t at = str_rfind(str_head(out, out.n > 0 ? out.n - 1 : 0), '\n');
	struct str line = str_skip(out, out.n > 0 && at < out.n - 1 ? at + 1 : 0);
	unsigned code = line.n < 4
			    ? 0
			    : (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 +
				  (unsigned)(line.p[2] - '0');
	buf_reset(&h->out);
	return code;
}

static unsigned play(struct harness *h, const struct command *c)
{
	h->queue_refusal = c->refused ? refusal : (struct reply){0};
	harness_feed(h, str_from_cstr(c->line));
	unsigned code = code_of(h);
	if (code == 354 || code == 334) {
		harness_feed(h, str_from_cstr(c->content));
		code = code_of(h);
	}
	return code;
}

static void show(const unsigned char *sequence, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "  %s", commands[sequence[i]].line);
}

static bool same(struct harness *h, const struct model *m)
{
	const struct smtp_server *s = &h->server;
	return (s->state != SMTP_CONNECTED) == m->greeted && (s->txn.pool != NULL) == m->mail &&
	       (s->txn.recipient_count > 0) == m->rcpt && (s->state == SMTP_CHUNKS) == m->chunks &&
	       (s->login != NULL) == m->login && h->messages == m->messages &&
	       (h->messages == 0 || h->recipient_count == 1);
}

/* A submission is asked about, and its header held back; what may be sent is the same. */
static void run(const unsigned char *sequence, size_t n, bool deferred, bool submission)
{
	struct harness h;
	struct model m = {.login = submission};
	harness_init(&h);
	h.deferred = deferred;
	h.submission = submission;
	h.login = submission ? "ann@example.org" : NULL;
	h.policy.sender_owned = h.policy.header_from_owned = false;
	h.policy.message_max = SIZE_LIMIT;
	h.policy.bad_commands_max = 1000;
	h.auth = (struct smtp_auth){.offered = true, .in_clear = true};
	harness_start(&h);
	buf_reset(&h.out);
	for (size_t i = 0; i < n; i++) {
		const struct command *c = &commands[sequence[i]];
		unsigned should = c->model(&m), is = play(&h, c);
		const char *why = harness_check(&h);
		if (is != should || why != NULL || !same(&h, &m)) {
			show(sequence, i + 1);
			ck_abort_msg("%u, not %u; %s", is, should, why == NULL ? "" : why);
		}
	}
	harness_free(&h);
}

static size_t depth(void)
{
	const char *wanted = getenv("POSTERN_MODEL_DEPTH");
	if (wanted != NULL)
		return (size_t)strtoul(wanted, NULL, 10);
#ifdef WITH_SANITIZERS
	return 4;
#else
	return 5;
#endif
}

/* Shorter sequences are prefixes of these. */
START_TEST(every_sequence)
{
	unsigned char sequence[LENGTH_MAX] = {(unsigned char)_i};
	size_t n = depth();
	ck_assert_uint_ge(n, 1);
	ck_assert_uint_le(n, LENGTH_MAX);
	for (;;) {
		run(sequence, n, false, false);
		size_t i = n;
		while (--i > 0 && ++sequence[i] == COMMANDS)
			sequence[i] = 0;
		if (i == 0)
			return;
	}
}
END_TEST

/* A sample of longer ones, with answers that come later. */
START_TEST(long_sequences)
{
	uint64_t random = 88172645463325252U;
	for (int i = 0; i < (int)unit_times(30000); i++) {
		unsigned char sequence[LENGTH_MAX];
		for (size_t k = 0; k < LENGTH_MAX; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			sequence[k] = (unsigned char)(random % COMMANDS);
		}
		sequence[0] = 0;
		run(sequence, LENGTH_MAX, true, i % 2 == 1);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("sequences");
	tcase_set_timeout(tcase, 3600);
	tcase_add_loop_test(tcase, every_sequence, 0, COMMANDS);
	tcase_add_test(tcase, long_sequences);
	return unit_run_case("smtp model", tcase);
}
