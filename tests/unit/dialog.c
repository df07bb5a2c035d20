/* SPDX-License-Identifier: ISC */
#include "tests/unit/dialog.h"
#include "tests/unit/dialog-text.h"
#include "tests/unit/smtp-harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct dialog {
	const struct dialog_mode *mode;
	struct harness h;
	bool started;
	char login[128];
	struct buf group;   /* C lines not sent yet */
	struct buf content; /* M: line lines not checked yet */
	size_t longest;
	unsigned line;
	struct str words; /* the setting "queue CODE ENHANCED TEXT" and others point here */
	char client[64];
	char *fault;
	size_t fault_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct dialog *d, const char *format, ...)
{
	int n = snprintf(d->fault, d->fault_size, "line %u: ", d->line);
	va_list ap;
	va_start(ap, format);
	vsnprintf(d->fault + n, d->fault_size - (size_t)n, format, ap);
	va_end(ap);
	return false;
}

static void set_queue(struct dialog *d, struct str value)
{
	struct harness *h = &d->h;
	if (str_eq(value, STR("closed"))) {
		h->queue_closed = true;
	} else if (str_eq(value, STR("no-file"))) {
		h->queue_no_file = true;
	} else if (str_eq(value, STR("full-disk"))) {
		h->queue_full_disk = true;
	} else {
		h->queue_refusal.code = dialog_number(dialog_word(&value));
		h->queue_refusal.enhanced = dialog_word(&value);
		h->queue_refusal.text = value;
	}
}

static bool set_limit(struct smtp_policy *p, struct str name, unsigned value)
{
	const struct {
		const char *name;
		unsigned *field;
	} limits[] = {{"recipients-max", &p->recipients_max},
	    {"bad-commands-max", &p->bad_commands_max},
	    {"commands-per-minute", &p->commands_per_minute},
	    {"messages-per-session", &p->messages_per_session}, {"header-max", &p->header_max},
	    {"hops-max", &p->hops_max},
	    {"login-failures-max", &p->login_failures_max}};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (str_eq(name, str_from_cstr(limits[i].name))) {
			*limits[i].field = value;
			return true;
		}
	return false;
}

static bool setting(struct dialog *d, struct str text)
{
	struct str name = dialog_word(&text);
	if (d->started)
		return fail(d, "a setting behind the first line of the dialog");
	if (str_eq(name, STR("own-network"))) {
		d->h.own_network = str_eq(text, STR("yes"));
	} else if (str_eq(name, STR("local-user"))) {
		snprintf(d->client, sizeof(d->client), "local uid %u", dialog_number(text));
		d->h.client = d->client;
		d->h.own_network = true;
	} else if (str_eq(name, STR("submission"))) {
		d->h.submission = str_eq(text, STR("yes"));
	} else if (str_eq(name, STR("logged-in"))) {
		d->h.login = d->login;
		snprintf(d->login, sizeof(d->login), "%.*s", STR_ARG(text));
	} else if (str_eq(name, STR("recipients-left"))) {
		d->h.recipients_left = dialog_number(dialog_word(&text));
		d->h.over_limit_hold = str_eq(text, STR("hold"));
	} else if (str_eq(name, STR("senders"))) {
		d->h.policy.sender_owned = d->h.policy.header_from_owned = false;
	} else if (str_eq(name, STR("message-max"))) {
		d->h.policy.message_max = dialog_number(text);
	} else if (str_eq(name, STR("bare-newline-refuse"))) {
		d->h.policy.bare_newline_refuse = !str_eq(text, STR("no"));
	} else if (str_eq(name, STR("auth"))) {
		d->h.auth.offered = true;
		d->h.auth.required = str_eq(text, STR("required"));
	} else if (str_eq(name, STR("login-in-clear"))) {
		d->h.auth.in_clear = true;
	} else if (str_eq(name, STR("tls"))) {
		d->h.tls = true;
	} else if (str_eq(name, STR("queue"))) {
		set_queue(d, text);
	} else if (!str_eq(name, STR("only")) && !set_limit(&d->h.policy, name, dialog_number(text))) {
		return fail(d, "no such setting");
	}
	return true;
}

static void feed(struct dialog *d, struct str in)
{
	if (d->mode->octets) {
		for (size_t i = 0; i < in.n; i++)
			harness_feed(&d->h, str_from(in.p + i, 1));
		return;
	}
	size_t cut = d->mode->cut < in.n ? d->mode->cut : 0;
	if (cut > 0)
		harness_feed(&d->h, str_head(in, cut));
	harness_feed(&d->h, str_skip(in, cut));
}

/* Sends the C lines that wait. */
static bool send_group(struct dialog *d)
{
	const char *why;
	if (!d->started) {
		d->h.deferred = d->mode->deferred;
		harness_start(&d->h);
		d->started = true;
	}
	if (buf_len(&d->group) == 0)
		return true;
	if (buf_len(&d->group) > d->longest)
		d->longest = buf_len(&d->group);
	feed(d, buf_str(&d->group));
	buf_reset(&d->group);
	why = harness_check(&d->h);
	if (why == NULL)
		why = harness_check_replies(buf_str(&d->h.out));
	return why == NULL || fail(d, "%s", why);
}

static bool next_reply_line(struct dialog *d, struct str *line)
{
	struct str out = buf_str(&d->h.out);
	size_t n = str_find(out, '\n');
	if (n == out.n)
		return false;
	*line = str_head(out, n - 1);
	buf_consume(&d->h.out, n + 1);
	return true;
}

static bool expect(struct dialog *d, struct str pattern)
{
	struct str line;
	if (!send_group(d))
		return false;
	if (str_eq(pattern, STR("<closed>"))) {
		if (buf_len(&d->h.out) > 0)
			return fail(d, "the server said more: %.*s", STR_ARG(buf_str(&d->h.out)));
		return smtp_server_is_closed(&d->h.server) || fail(d, "the session goes on");
	}
	bool whole = pattern.n == 7 && dialog_fits(STR(" ..."), str_skip(pattern, 3));
	do {
		if (!next_reply_line(d, &line))
			return fail(d, "the server said nothing, not \"%.*s\"", STR_ARG(pattern));
		bool more = line.n > 3 && line.p[3] == '-';
		if (!whole && !dialog_fits(line, pattern))
			return fail(d, "the server said \"%.*s\"", STR_ARG(line));
		if (whole && !str_has_prefix(line, str_head(pattern, 3)))
			return fail(d, "the server said \"%.*s\"", STR_ARG(line));
		whole = whole && more;
	} while (whole);
	return true;
}

/* The content without the Received field that the server put in front. */
static struct str own_content(const struct dialog *d, struct str *received)
{
	struct str c = buf_str(&d->h.content);
	size_t at = 0;
	do
		at += str_find(str_skip(c, at), '\n') + 1;
	while (at < c.n && c.p[at] == '\t');
	*received = str_head(c, at);
	return str_skip(c, at);
}

static bool check_content(struct dialog *d)
{
	struct str received;
	if (d->content.p == NULL)
		return true;
	bool same = str_eq(own_content(d, &received), buf_str(&d->content));
	buf_release(&d->content);
	return same || fail(d, "the content is \"%.*s\"", STR_ARG(own_content(d, &received)));
}

static struct str address_of(const struct recipient *r)
{
	return r->address;
}

static struct str original_of(const struct recipient *r)
{
	return r->original;
}

static bool check_list(
    struct dialog *d, struct str list, struct str (*of)(const struct recipient *))
{
	for (size_t i = 0; i < d->h.recipient_count; i++) {
		struct str r = of(&d->h.recipients[i]);
		/* A quoted local part may hold blanks. */
		if (!str_has_prefix(list, r))
			return fail(d, "recipient %zu is %.*s", i, STR_ARG(r));
		list = str_trim(str_skip(list, r.n));
	}
	return list.n == 0 || fail(d, "there are only %zu recipients", d->h.recipient_count);
}

static bool check_text(struct dialog *d, struct str is, struct str should)
{
	return str_eq(is, should) || fail(d, "it is \"%.*s\"", STR_ARG(is));
}

static bool check_number(struct dialog *d, uint64_t is, struct str should)
{
	return is == dialog_number(should) || fail(d, "it is %llu", (unsigned long long)is);
}

static unsigned mask_of(struct str text)
{
	static const struct {
		const char *word;
		unsigned bit;
	} bits[] = {{"never", NOTIFY_NEVER}, {"success", NOTIFY_SUCCESS},
	    {"failure", NOTIFY_FAILURE}, {"delay", NOTIFY_DELAY}, {"8bitmime", ENVELOPE_8BITMIME},
	    {"smtputf8", ENVELOPE_SMTPUTF8}, {"full", RET_FULL}, {"hdrs", RET_HDRS}};
	unsigned mask = 0;
	while (text.n > 0) {
		struct str w = dialog_word(&text);
		for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
			if (str_eq(w, str_from_cstr(bits[i].word)))
				mask |= bits[i].bit;
	}
	return mask;
}

static bool check_mask(struct dialog *d, unsigned is, struct str should)
{
	return is == mask_of(should) || fail(d, "it is %u", is);
}

/* Recipients that wait for the operator. */
static unsigned held(const struct harness *h)
{
	unsigned n = 0;
	for (size_t i = 0; i < h->recipient_count; i++)
		n += h->recipients[i].transport == TRANSPORT_HOLD;
	return n;
}

static bool check_message(struct dialog *d, struct str text)
{
	static const struct recipient nobody;
	const struct harness *h = &d->h;
	const struct recipient *last =
	    h->recipient_count > 0 ? &h->recipients[h->recipient_count - 1] : &nobody;
	struct str received, content = own_content(d, &received);
	struct str what = dialog_word(&text);
	if (str_eq(what, STR("count")))
		return check_number(d, h->messages, text);
	if (h->messages == 0)
		return fail(d, "no message was accepted");
	if (str_eq(what, STR("from")))
		return check_text(d,
		    h->envelope.reverse_path.n == 0 ? STR("<>") : h->envelope.reverse_path, text);
	if (str_eq(what, STR("to")))
		return check_list(d, text, address_of);
	if (str_eq(what, STR("original")))
		return check_list(d, text, original_of);
	if (str_eq(what, STR("size")))
		return check_number(d, content.n, text);
	if (str_eq(what, STR("received")))
		return memmem(received.p, received.n, text.p, text.n) != NULL ||
		       fail(d, "it is %.*s", STR_ARG(received));
	if (str_eq(what, STR("flags")))
		return check_mask(d, h->envelope.flags, text);
	if (str_eq(what, STR("ret")))
		return check_mask(d, h->envelope.ret, text);
	if (str_eq(what, STR("envid")))
		return check_text(d, h->envelope.envid, text);
	if (str_eq(what, STR("orcpt")))
		return check_text(d, last->orcpt, text);
	if (str_eq(what, STR("nexthop")))
		return check_text(d, last->nexthop, text);
	if (str_eq(what, STR("held")))
		return check_number(d, held(h), text);
	if (str_eq(what, STR("notify")))
		return check_mask(d, last->notify, text);
	return fail(d, "no such check");
}

static bool run_line(struct dialog *d, struct str line)
{
	struct str text = str_skip(line, 2);
	if (text.n > 0 && text.p[0] == ' ')
		text = str_skip(text, 1);
	if (line.n == 0 || line.p[0] == '#')
		return true;
	if (str_has_prefix(line, STR("M: line")) && (line.n == 7 || line.p[7] == ' ')) {
		dialog_append_line(&d->content, str_skip(line, 8));
		return true;
	}
	if (!check_content(d))
		return false;
	if (str_has_prefix(line, STR("@ ")))
		return setting(d, text);
	if (str_has_prefix(line, STR("C:"))) {
		if (buf_len(&d->group) == 0 && buf_len(&d->h.out) > 0)
			return fail(d, "the server said more: %.*s", STR_ARG(buf_str(&d->h.out)));
		dialog_append_line(&d->group, text);
		return true;
	}
	if (str_has_prefix(line, STR("S:")))
		return expect(d, text);
	if (str_has_prefix(line, STR("M:")))
		return send_group(d) && check_message(d, text);
	return fail(d, "what is this line?");
}

static bool run(struct dialog *d, struct str text)
{
	while (text.n > 0) {
		struct str line = str_head(text, str_find(text, '\n'));
		text = str_skip(text, line.n + 1);
		d->line++;
		if (!run_line(d, line))
			return false;
	}
	if (!check_content(d) || !send_group(d))
		return false;
	return buf_len(&d->h.out) == 0 ||
	       fail(d, "the server said more: %.*s", STR_ARG(buf_str(&d->h.out)));
}

bool dialog_run(struct str text, const struct dialog_mode *mode, size_t *longest, char *fault,
    size_t fault_size)
{
	struct dialog d = {.mode = mode, .fault = fault, .fault_size = fault_size};
	harness_init(&d.h);
	buf_init(&d.group, SIZE_MAX / 2);
	buf_init(&d.content, SIZE_MAX / 2);
	bool ok = run(&d, text);
	if (longest != NULL)
		*longest = d.longest;
	if (!d.started)
		harness_start(&d.h);
	harness_free(&d.h);
	buf_release(&d.group);
	buf_release(&d.content);
	return ok;
}
