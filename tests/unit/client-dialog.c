/* SPDX-License-Identifier: ISC */
#include "tests/unit/client-dialog.h"
#include "common/pool.h"
#include "tests/unit/client-harness.h"
#include "tests/unit/dialog-text.h"

#include <stdarg.h>
#include <stdio.h>

struct dialog {
	const struct dialog_mode *mode;
	struct harness h;
	struct pool *words; /* what settings point to */
	bool started;
	bool over;	  /* the connection was lost as the mode says: only invariants count */
	struct buf group; /* S lines not fed yet */
	struct buf line;
	size_t octets, longest;
	/* Results that R lines, or B lines, have checked. */
	bool mentioned[CLIENT_RECIPIENTS_MAX], before[CLIENT_RECIPIENTS_MAX];
	unsigned number;
	char *fault;
	size_t fault_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct dialog *d, const char *format, ...)
{
	int n = snprintf(d->fault, d->fault_size, "line %u: ", d->number);
	va_list ap;
	va_start(ap, format);
	vsnprintf(d->fault + n, d->fault_size - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

static struct str keep(struct dialog *d, struct str s)
{
	struct str kept;
	buf_reset(&d->line);
	dialog_append_line(&d->line, s);
	s = buf_str(&d->line);
	pool_copy(d->words, str_head(s, s.n - 2), &kept);
	return kept;
}

static unsigned mask_of(struct str text)
{
	static const struct {
		struct str word;
		unsigned bit;
	} bits[] = {{STR("never"), NOTIFY_NEVER}, {STR("success"), NOTIFY_SUCCESS},
	    {STR("failure"), NOTIFY_FAILURE}, {STR("delay"), NOTIFY_DELAY},
	    {STR("8bitmime"), ENVELOPE_8BITMIME}, {STR("smtputf8"), ENVELOPE_SMTPUTF8},
	    {STR("requiretls"), ENVELOPE_REQUIRETLS}, {STR("full"), RET_FULL},
	    {STR("hdrs"), RET_HDRS}};
	unsigned mask = 0;
	while (text.n > 0) {
		struct str w = str_head(text, str_find(text, ','));
		text = str_skip(text, w.n + 1);
		for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
			if (str_eq(w, bits[i].word))
				mask |= bits[i].bit;
	}
	return mask;
}

static void add_recipient(struct dialog *d, struct str text)
{
	struct client_recipient *r = &d->h.recipients[d->h.mail.recipient_count++];
	*r = (struct client_recipient){.address = keep(d, dialog_word(&text))};
	while (text.n > 0) {
		struct str w = dialog_word(&text);
		if (str_has_prefix(w, STR("notify=")))
			r->notify = mask_of(str_skip(w, 7));
		else if (str_has_prefix(w, STR("orcpt=")))
			r->orcpt = keep(d, str_skip(w, 6));
	}
}

static void new_mail(struct harness *h)
{
	h->mail = (struct client_mail){.recipients = h->recipients};
	buf_reset(&h->content);
}

static bool set_mail(struct dialog *d, struct str name, struct str text)
{
	struct client_mail *m = &d->h.mail;
	if (str_eq(name, STR("mail")))
		new_mail(&d->h);
	else if (str_eq(name, STR("from")))
		m->reverse_path = str_eq(text, STR("<>")) ? (struct str){NULL, 0} : keep(d, text);
	else if (str_eq(name, STR("to")))
		add_recipient(d, text);
	else if (str_eq(name, STR("flags")))
		m->flags = mask_of(text);
	else if (str_eq(name, STR("ret")))
		m->ret = mask_of(text);
	else if (str_eq(name, STR("envid")))
		m->envid = keep(d, text);
	else if (str_eq(name, STR("content")))
		dialog_append_line(&d->h.content, text);
	else if (str_eq(name, STR("unreadable-from"))) {
		d->h.unreadable = true;
		d->h.unreadable_from = dialog_number(text);
	} else
		return false;
	return true;
}

static bool setting(struct dialog *d, struct str text)
{
	struct client_policy *p = &d->h.policy;
	struct str name = dialog_word(&text);
	if (set_mail(d, name, text))
		return true;
	if (d->started)
		return fail(d, "a setting behind the first line of the dialog");
	if (str_eq(name, STR("protocol"))) {
		p->protocol = str_eq(text, STR("lmtp")) ? NEXTHOP_LMTP : NEXTHOP_SMTP;
	} else if (str_eq(name, STR("tls"))) {
		p->tls = str_eq(text, STR("must"))   ? CLIENT_TLS_MUST
			 : str_eq(text, STR("none")) ? CLIENT_TLS_NONE
						     : CLIENT_TLS_MAY;
	} else if (str_eq(name, STR("implicit-tls"))) {
		p->implicit_tls = true;
	} else if (str_eq(name, STR("login"))) {
		p->login = keep(d, dialog_word(&text));
		p->password = keep(d, text);
	} else if (str_eq(name, STR("eager-content"))) {
		p->eager_content = true;
	} else if (str_eq(name, STR("login-in-clear"))) {
		p->login_in_clear = true;
	} else {
		return fail(d, "no such setting");
	}
	return true;
}

static bool check(struct dialog *d)
{
	const char *why = harness_check(&d->h);
	return why == NULL || fail(d, "%s", why);
}

static void start(struct dialog *d)
{
	if (!d->started)
		harness_start(&d->h);
	d->started = true;
}

/* One piece of what the server says, or what of it comes before the connection is lost. */
static bool feed(struct dialog *d, struct str in)
{
	size_t lost = d->mode->lost;
	bool loses = lost > 0 && d->octets + in.n >= lost;
	if (loses)
		in = str_head(in, lost - d->octets);
	d->octets += in.n;
	harness_feed(&d->h, in);
	if (loses) {
		harness_close(&d->h);
		d->over = true;
	}
	return check(d);
}

static bool feed_group(struct dialog *d)
{
	struct str in = buf_str(&d->group);
	if (in.n == 0)
		return true;
	if (in.n > d->longest)
		d->longest = in.n;
	size_t cut = d->mode->octets			       ? 1
		     : d->mode->cut > 0 && d->mode->cut < in.n ? d->mode->cut
							       : in.n;
	while (in.n > 0 && !d->over) {
		if (!feed(d, str_head(in, cut)))
			return false;
		in = str_skip(in, cut);
		cut = d->mode->octets ? 1 : in.n;
	}
	buf_reset(&d->group);
	return true;
}

static bool expect(struct dialog *d, struct str pattern)
{
	struct str sent = buf_str(&d->h.sent);
	buf_reset(&d->line);
	bool prefix = pattern.n >= 3 && str_eq(str_skip(pattern, pattern.n - 3), STR("..."));
	dialog_append_line(&d->line, pattern);
	pattern = buf_str(&d->line);
	size_t n = str_find(sent, '\n') + 1;
	if (sent.n == 0)
		return fail(d, "the client said nothing");
	if (prefix ? !str_has_prefix(sent, str_head(pattern, pattern.n - 5))
		   : !str_has_prefix(sent, pattern))
		return fail(d, "the client said \"%.*s\"", STR_ARG(str_head(sent, n)));
	buf_consume(&d->h.sent, prefix ? n : pattern.n);
	return true;
}

static bool expect_nothing(struct dialog *d)
{
	struct str sent = buf_str(&d->h.sent);
	return sent.n == 0 || fail(d, "the client said \"%.*s\"", STR_ARG(sent));
}

static bool all_mentioned(struct dialog *d)
{
	for (size_t i = 0; i < CLIENT_RECIPIENTS_MAX; i++) {
		if (d->h.last->results[i].given && !d->mentioned[i])
			return fail(d, "there is a result of recipient %zu", i);
		if (d->h.before->results[i].given && !d->before[i])
			return fail(d, "there is a result of recipient %zu of the mail before", i);
	}
	return true;
}

/* "ahead" where it cannot be, or where nothing comes of it, is "not-ahead". */
static bool act_ahead(struct dialog *d, bool wanted)
{
	if (!all_mentioned(d))
		return false;
	bool may = client_may_send_ahead(&d->h.client);
	if (may) {
		may = harness_send_ahead(&d->h);
		memcpy(d->before, d->mentioned, sizeof(d->before));
		memset(may ? d->mentioned : d->before, 0, sizeof(d->mentioned));
	}
	return may == wanted || fail(d, may ? "it sent ahead" : "it did not send ahead");
}

static bool act(struct dialog *d, struct str what)
{
	if (str_eq(what, STR("tls"))) {
		harness_tls(&d->h);
	} else if (str_eq(what, STR("verified"))) {
		client_on_verified(&d->h.client);
	} else if (str_eq(what, STR("send"))) {
		if (!all_mentioned(d))
			return false;
		memset(d->mentioned, 0, sizeof(d->mentioned));
		memset(d->before, 0, sizeof(d->before));
		harness_send(&d->h);
	} else if (str_eq(what, STR("ahead")) || str_eq(what, STR("not-ahead"))) {
		if (!act_ahead(d, str_eq(what, STR("ahead"))))
			return false;
	} else if (str_eq(what, STR("withdraw"))) {
		harness_withdraw(&d->h);
	} else if (str_eq(what, STR("quit"))) {
		harness_quit(&d->h);
	} else if (str_eq(what, STR("lost"))) {
		harness_close(&d->h);
	} else if (str_eq(what, STR("timeout"))) {
		harness_timeout(&d->h);
	} else {
		return fail(d, "no such act");
	}
	return check(d);
}

static bool check_need(struct dialog *d, struct str need)
{
	static const char *const names[] = {
	    [CLIENT_REPLY] = "reply",
	    [CLIENT_TLS] = "tls",
	    [CLIENT_READY] = "ready",
	    [CLIENT_PULL] = "pull",
	    [CLIENT_OVER] = "over",
	};
	const char *is = names[client_need(&d->h.client)];
	return str_eq(need, str_from_cstr(is)) || fail(d, "it is %s", is);
}

static void describe(const struct client_result *r, struct buf *out)
{
	static const char *const outcomes[] = {[DELIVERY_DEFERRED] = "deferred",
	    [DELIVERY_FAILED] = "failed",
	    [DELIVERY_TAKEN] = "taken"};
	static const char *const causes[] = {"none", "refused", "shutting-down", "lost",
	    "timed-out", "malformed", "injected", "tls-missing", "auth-missing", "unsendable",
	    "own-fault", "over-limit"};
	buf_printf(out, "%s %s %.*s", outcomes[r->outcome], causes[r->cause], STR_ARG(r->status));
	if (r->next_host)
		buf_append_str(out, STR(" next-host"));
	if (r->again)
		buf_append_str(out, STR(" again"));
	if (r->maybe_taken)
		buf_append_str(out, STR(" maybe-taken"));
	if (r->dsn_passed)
		buf_append_str(out, STR(" dsn"));
	buf_printf(out, " (%s) %.*s%.*s", r->command, STR_ARG(r->reply), STR_ARG(r->text));
}

static bool check_described(struct dialog *d, const struct client_result *r, struct str pattern)
{
	buf_reset(&d->line);
	describe(r, &d->line);
	return dialog_fits(buf_str(&d->line), pattern) ||
	       fail(d, "it is \"%.*s\"", STR_ARG(buf_str(&d->line)));
}

static bool check_result(
    struct dialog *d, const struct harness_sent *of, bool *mentioned, struct str text)
{
	size_t i = dialog_number(dialog_word(&text));
	if (i >= of->mail.recipient_count || !of->results[i].given)
		return fail(d, "it has no result");
	mentioned[i] = true;
	return check_described(d, &of->results[i].r, text);
}

static bool check_failure(struct dialog *d, struct str text)
{
	const struct client_result *r = client_failure(&d->h.client);
	if (client_need(&d->h.client) != CLIENT_OVER)
		return fail(d, "the session is not over");
	if (str_eq(text, STR("none")))
		return r->cause == CLIENT_NO_FAILURE || fail(d, "it is a failure");
	return check_described(d, r, text);
}

static bool run_line(struct dialog *d, struct str line)
{
	struct str text = str_skip(line, 2);
	if (text.n > 0 && text.p[0] == ' ')
		text = str_skip(text, 1);
	if (line.n == 0 || line.p[0] == '#')
		return true;
	if (str_has_prefix(line, STR("@ ")))
		return setting(d, text);
	start(d);
	if (str_has_prefix(line, STR("S:"))) {
		if (buf_len(&d->group) == 0 && !expect_nothing(d))
			return false;
		dialog_append_line(&d->group, text);
		return true;
	}
	if (!feed_group(d) || d->over)
		return !d->over ? false : check(d);
	if (str_has_prefix(line, STR("C:")))
		return expect(d, text);
	if (str_has_prefix(line, STR("A:")))
		return expect_nothing(d) && act(d, text);
	if (str_has_prefix(line, STR("N:")))
		return check_need(d, text);
	if (str_has_prefix(line, STR("R:")))
		return check_result(d, d->h.last, d->mentioned, text);
	if (str_has_prefix(line, STR("B:")))
		return check_result(d, d->h.before, d->before, text);
	if (str_has_prefix(line, STR("F:")))
		return check_failure(d, text);
	return fail(d, "what is this line?");
}

static bool run(struct dialog *d, struct str text)
{
	while (text.n > 0 && !d->over) {
		struct str line = str_head(text, str_find(text, '\n'));
		text = str_skip(text, line.n + 1);
		d->number++;
		if (!run_line(d, line))
			return false;
	}
	if (d->over)
		return true;
	return feed_group(d) && (d->over || (expect_nothing(d) && all_mentioned(d)));
}

bool dialog_run(struct str text, const struct dialog_mode *mode, size_t *octets, size_t *longest,
    char *fault, size_t fault_size)
{
	struct dialog d = {.mode = mode, .fault = fault, .fault_size = fault_size};
	harness_init(&d.h);
	new_mail(&d.h);
	d.words = pool_new(SIZE_MAX / 2);
	buf_init(&d.group, SIZE_MAX / 2);
	buf_init(&d.line, SIZE_MAX / 2);
	bool ok = run(&d, text);
	if (octets != NULL)
		*octets = d.octets;
	if (longest != NULL)
		*longest = d.longest;
	start(&d);
	harness_free(&d.h);
	pool_free(d.words);
	buf_release(&d.group);
	buf_release(&d.line);
	return ok;
}
