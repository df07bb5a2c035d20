/* SPDX-License-Identifier: ISC */
#include "queue/queue-log.h"
#include "queue/recent.h"
#include "common/client-name.h"
#include "common/log.h"
#include "common/queue-id.h"

#include <stdio.h>

struct id_text {
	char text[QUEUE_ID_SIZE];
};

static struct str text_of(struct id_text *t, uint64_t id)
{
	queue_id_format(id, t->text);
	return str_from_cstr(t->text);
}

static void begin(struct log_event *ev, int level, uint64_t id)
{
	struct id_text t;
	log_begin(ev, level, text_of(&t, id));
}

void queue_log_client(uint64_t id, const struct envelope *e)
{
	struct id_text t;
	struct log_event ev;
	struct buf name = BUF_INIT(4 * CLIENT_ADDRESS_MAX);
	client_name_put(&name, e->client);
	log_begin_as(&ev, "smtpd", LOG_INFO, text_of(&t, id));
	log_str(&ev, "client", buf_str(&name));
	log_str(&ev, "session", e->session);
	if (e->login.n > 0)
		log_str(&ev, "sasl_username", e->login);
	if (e->flags & ENVELOPE_REQUIRETLS)
		log_str(&ev, "tls", STR("required"));
	else if (e->flags & ENVELOPE_TLS_OPTIONAL)
		log_str(&ev, "tls", STR("optional"));
	log_end(&ev);
	buf_release(&name);
}

void queue_log_accepted(const struct message *m)
{
	struct log_event ev;
	begin(&ev, LOG_INFO, m->id);
	log_address(&ev, "from", message_sender(m));
	log_u64(&ev, "size", m->size);
	log_u64(&ev, "nrcpt", m->recipient_count);
	log_note(&ev, STR("queue active"));
	log_end(&ev);
}

static uint64_t between(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

/* Seconds with two significant digits below ten, as Postfix writes them. */
static int format_seconds(char *out, size_t n, uint64_t ms)
{
	if (ms < 10)
		return snprintf(out, n, ms == 0 ? "0" : "0.01");
	if (ms < 1000)
		return snprintf(out, n, "0.%02u", (unsigned)(ms / 10));
	if (ms < 10000)
		return snprintf(
		    out, n, "%u.%u", (unsigned)(ms / 1000), (unsigned)(ms % 1000 / 100));
	return snprintf(out, n, "%llu", (unsigned long long)(ms / 1000));
}

/* Before the queue, in the queue, connecting, delivering. An id is the time at which the message
 * came into the queue (common/queue-id.h). */
static void log_delays(
    struct log_event *ev, const struct message *m, const struct queue_log_delivery *d)
{
	const uint64_t queued = m->id / 1000;
	const uint64_t parts[4] = {between(m->arrival, queued), between(queued, d->started),
	    d->connect_ms, d->transmit_ms};
	char text[128];
	size_t n = 0;
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			text[n++] = '/';
		n += (size_t)format_seconds(text + n, sizeof(text) - n - 1, parts[i]);
	}
	log_str(ev, "delays", str_from(text, n));
}

void queue_log_delivery(
    const struct message *m, uint16_t number, const struct queue_log_delivery *d)
{
	struct str to = message_address(m, number), original = message_original(m, number);
	struct log_event ev;
	begin(&ev, LOG_INFO, m->id);
	log_address(&ev, "to", to);
	if (!str_eq(to, original))
		log_address(&ev, "orig_to", original);
	log_str(&ev, "relay", str_from_cstr(d->relay));
	log_ms(&ev, "delay", between(m->arrival, d->now));
	log_delays(&ev, m, d);
	log_str(&ev, "dsn", d->dsn);
	log_str(&ev, "status", str_from_cstr(d->status));
	log_note(&ev, d->note);
	log_end(&ev);
	recent_add(d->now, m->id, d->status, to, str_from_cstr(d->relay), d->note);
}

void queue_log_removed(const struct message *m)
{
	struct log_event ev;
	begin(&ev, LOG_INFO, m->id);
	log_note(&ev, STR("removed"));
	log_end(&ev);
}

static void note(int level, uint64_t id, struct str text)
{
	struct log_event ev;
	begin(&ev, level, id);
	log_note(&ev, text);
	log_end(&ev);
}

void queue_log_expired(const struct message *m, uint16_t number)
{
	struct log_event ev;
	begin(&ev, LOG_INFO, m->id);
	log_address(&ev, "from", message_sender(m));
	log_address(&ev, "to", message_address(m, number));
	log_str(&ev, "status", STR("expired"));
	log_note(&ev, STR("returned to sender"));
	log_end(&ev);
}

void queue_log_notice(uint64_t id, const char *what, uint64_t notice)
{
	struct id_text t;
	char text[128];
	struct str said = str_from_cstr(what);
	if (notice != 0) {
		int n =
		    snprintf(text, sizeof(text), "%s: %.*s", what, STR_ARG(text_of(&t, notice)));
		said = str_from(text, (size_t)n);
	}
	note(LOG_INFO, id, said);
}

void queue_log_refused(uint64_t id, struct str session, struct str why)
{
	struct log_event ev;
	begin(&ev, LOG_WARNING, id);
	log_str(&ev, "session", session);
	log_str(&ev, "status", STR("refused"));
	log_note(&ev, why);
	log_end(&ev);
}

void queue_log_problem(const struct message *m, const char *what, int error)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "%s: %s", what, strerrordesc_np(error));
	note(LOG_ERR, m->id,
	    str_from(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
}

void queue_log_stalled(const struct message *m, const char *what, uint64_t ms)
{
	char text[256];
	int n =
	    snprintf(text, sizeof(text), "%s for %llu s", what, (unsigned long long)(ms / 1000));
	note(LOG_WARNING, m->id, str_from(text, (size_t)n));
}

void queue_log_unusable(uint64_t id, size_t recipients)
{
	char text[128];
	int n =
	    snprintf(text, sizeof(text), "its record names %zu recipients; left aside", recipients);
	note(LOG_ERR, id, str_from(text, (size_t)n));
}
