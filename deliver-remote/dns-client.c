/* SPDX-License-Identifier: ISC
 *
 * Invariant: a question in `questions` has a cookie in `cookies` and neither has any other. The
 * list is in the order of asking; the timer runs while it is not empty, and at once for those
 * that cannot be asked at all (`refused`). Never: call a handler twice, or touch a question
 * after its handler was called.
 */
#include "deliver-remote/dns-client.h"
#include "common/dns-name.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/slots.h"

#include <stdlib.h>
#include <sys/queue.h>

enum { TICK_MS = 500 };

enum question_kind { ASK_MX, ASK_IP, ASK_TLSA, ASK_TXT, ASK_PTR };

union handler {
	dns_mx_fn *mx;
	dns_ip_fn *ip;
	dns_tlsa_fn *tlsa;
	dns_txt_fn *txt;
	dns_ptr_fn *ptr;
};

struct dns_question {
	TAILQ_ENTRY(dns_question) link;
	struct dns_client *client;
	uint32_t cookie;
	enum question_kind kind;
	enum dns_state refused; /* 0, or what it is answered without being asked */
	unsigned tries;
	uint64_t until_ms;
	uint16_t port;
	uint8_t family;
	union handler fn;
	void *ctx;
	size_t n;
	char name[DNS_NAME_MAX]; /* for ASK_PTR the address */
};

struct dns_client {
	struct channel *channel; /* NULL: resolver is away */
	struct slots cookies;
	TAILQ_HEAD(, dns_question) questions;
	size_t count;
	uint64_t timeout_ms;
	struct event *timer;
};

static struct str name_of(const struct dns_question *q)
{
	return str_from(q->name, q->n);
}

static void forget(struct dns_question *q)
{
	struct dns_client *c = q->client;
	slots_take(&c->cookies, q->cookie);
	TAILQ_REMOVE(&c->questions, q, link);
	c->count--;
	if (c->count == 0)
		loop_timer_stop(c->timer);
}

void dns_client_forget(struct dns_question *q)
{
	if (q == NULL)
		return;
	forget(q);
	free(q);
}

/* --- Asking --- */

/* A send that fails closes the channel; on_closed then sees to the question. */
static void send_question(const struct dns_question *q)
{
	struct channel *to = q->client->channel;
	const struct msg_mx_query mx = {.cookie = q->cookie, .domain = name_of(q)};
	const struct msg_ip_query ip = {
	    .cookie = q->cookie, .family = q->family, .host = name_of(q)};
	const struct msg_tlsa_query tlsa = {
	    .cookie = q->cookie, .port = q->port, .host = name_of(q)};
	const struct msg_txt_query txt = {.cookie = q->cookie, .name = name_of(q)};
	const struct msg_ptr_query ptr = {.cookie = q->cookie, .address = name_of(q)};
	switch (q->kind) {
	case ASK_MX:
		msg_mx_query_send(to, &mx, NULL);
		break;
	case ASK_IP:
		msg_ip_query_send(to, &ip, NULL);
		break;
	case ASK_TLSA:
		msg_tlsa_query_send(to, &tlsa, NULL);
		break;
	case ASK_TXT:
		msg_txt_query_send(to, &txt, NULL);
		break;
	case ASK_PTR:
		msg_ptr_query_send(to, &ptr, NULL);
		break;
	}
}

static void ask_now(struct dns_question *q)
{
	if (q->client->channel == NULL || q->refused != 0)
		return;
	if (q->tries++ == DNS_CLIENT_TRIES) {
		q->refused = DNS_TEMPORARY;
		loop_timer_start(q->client->timer, 0);
		return;
	}
	send_question(q);
}

/* The name of what asks already fits; see `ask` and dns_client_ask_ptr. */
static struct dns_question *add(struct dns_client *c, struct dns_question *q)
{
	q->client = c;
	q->until_ms = loop_now_ms() + c->timeout_ms;
	q->cookie = slots_put(&c->cookies, q);
	if (q->refused == 0 && (q->cookie == 0 || c->count >= DNS_CLIENT_QUESTIONS_MAX))
		q->refused = DNS_TEMPORARY;
	TAILQ_INSERT_TAIL(&c->questions, q, link);
	if (c->count++ == 0)
		loop_timer_start(c->timer, TICK_MS);
	if (q->refused != 0)
		loop_timer_start(c->timer, 0);
	ask_now(q);
	return q;
}

/* `room` is what resolver will put in front of the name, in octets. */
static struct dns_question *new_question(
    enum question_kind kind, struct str name, size_t room, union handler fn, void *ctx)
{
	struct dns_question *q = xcalloc(1, sizeof(*q));
	struct str canonical;
	q->kind = kind;
	q->fn = fn;
	q->ctx = ctx;
	if (!dns_name_canonical(name, q->name, &canonical) || canonical.n + room > DNS_NAME_MAX)
		q->refused = DNS_NO_NAME;
	else
		q->n = canonical.n;
	return q;
}

struct dns_question *dns_client_ask_mx(
    struct dns_client *c, struct str domain, dns_mx_fn *fn, void *ctx)
{
	return add(c, new_question(ASK_MX, domain, 0, (union handler){.mx = fn}, ctx));
}

struct dns_question *dns_client_ask_ip(
    struct dns_client *c, uint8_t family, struct str host, dns_ip_fn *fn, void *ctx)
{
	struct dns_question *q = new_question(ASK_IP, host, 0, (union handler){.ip = fn}, ctx);
	q->family = family;
	return add(c, q);
}

struct dns_question *dns_client_ask_tlsa(
    struct dns_client *c, uint16_t port, struct str host, dns_tlsa_fn *fn, void *ctx)
{
	struct dns_question *q = new_question(
	    ASK_TLSA, host, sizeof("_65535._tcp.") - 1, (union handler){.tlsa = fn}, ctx);
	q->port = port;
	return add(c, q);
}

struct dns_question *dns_client_ask_txt(
    struct dns_client *c, struct str name, dns_txt_fn *fn, void *ctx)
{
	return add(c, new_question(ASK_TXT, name, 0, (union handler){.txt = fn}, ctx));
}

struct dns_question *dns_client_ask_ptr(
    struct dns_client *c, struct str address, dns_ptr_fn *fn, void *ctx)
{
	struct dns_question *q = xcalloc(1, sizeof(*q));
	q->kind = ASK_PTR;
	q->fn.ptr = fn;
	q->ctx = ctx;
	if (address.n == 4 || address.n == 16) {
		memcpy(q->name, address.p, address.n);
		q->n = address.n;
	} else {
		q->refused = DNS_NO_NAME;
	}
	return add(c, q);
}

/* --- Answers that are made here --- */

static void answer_ourselves(struct dns_question *q, enum dns_state state, struct str why)
{
	forget(q);
	const uint8_t s = (uint8_t)state;
	switch (q->kind) {
	case ASK_MX:
		q->fn.mx(q->ctx,
		    &(struct msg_mx_answer){.state = s, .why = why, .canonical = name_of(q)});
		break;
	case ASK_IP:
		q->fn.ip(q->ctx,
		    &(struct msg_ip_answer){.state = s, .why = why, .canonical = name_of(q)});
		break;
	case ASK_TLSA:
		q->fn.tlsa(q->ctx, &(struct msg_tlsa_answer){.state = s, .why = why});
		break;
	case ASK_TXT:
		q->fn.txt(q->ctx, &(struct msg_txt_answer){.state = s, .why = why});
		break;
	case ASK_PTR:
		q->fn.ptr(q->ctx, &(struct msg_ptr_answer){.state = s, .why = why});
		break;
	}
	free(q);
}

static struct dns_question *first_to_end(const struct dns_client *c, uint64_t now_ms)
{
	struct dns_question *q;
	TAILQ_FOREACH(q, &c->questions, link)
	if (q->refused != 0 || q->until_ms <= now_ms)
		return q;
	return NULL;
}

static void end_one(struct dns_question *q)
{
	if (q->refused == DNS_NO_NAME)
		answer_ourselves(q, DNS_NO_NAME, STR("it is no name that DNS could have"));
	else if (q->refused != 0)
		answer_ourselves(q, DNS_TEMPORARY, STR("resolver cannot be asked this now"));
	else
		answer_ourselves(q, DNS_TEMPORARY, STR("resolver did not answer in time"));
}

static void on_tick(void *ctx)
{
	struct dns_client *c = ctx;
	struct dns_question *q;
	const uint64_t now_ms = loop_now_ms();
	while ((q = first_to_end(c, now_ms)) != NULL)
		end_one(q);
	if (c->count > 0)
		loop_timer_start(c->timer, TICK_MS);
}

/* --- Answers of resolver --- */

/* NULL when nobody waits for it any more. It is then off the list, and the caller's to free. */
static struct dns_question *take(struct dns_client *c, uint32_t cookie, enum question_kind kind)
{
	struct dns_question *q = slots_get(&c->cookies, cookie);
	if (q == NULL || q->kind != kind)
		return NULL;
	forget(q);
	return q;
}

static bool is_state(uint8_t state)
{
	return state >= DNS_OK && state <= DNS_BOGUS;
}

#define ON_ANSWER(field, KIND)                                                                     \
	static bool on_##field##_answer(void *ctx, const struct msg_##field##_answer *m, int *fds) \
	{                                                                                          \
		(void)fds;                                                                         \
		if (!is_state(m->state))                                                           \
			return false;                                                              \
		struct dns_question *q = take(ctx, m->cookie, KIND);                               \
		if (q != NULL)                                                                     \
			q->fn.field(q->ctx, m);                                                    \
		free(q);                                                                           \
		return true;                                                                       \
	}
ON_ANSWER(mx, ASK_MX)
ON_ANSWER(ip, ASK_IP)
ON_ANSWER(tlsa, ASK_TLSA)
ON_ANSWER(txt, ASK_TXT)
ON_ANSWER(ptr, ASK_PTR)

static const struct remote_resolver_client_handlers handlers = {
    .mx_answer = on_mx_answer,
    .ip_answer = on_ip_answer,
    .tlsa_answer = on_tlsa_answer,
    .txt_answer = on_txt_answer,
    .ptr_answer = on_ptr_answer,
};

static void on_closed(void *ctx, struct channel *ch, const char *why)
{
	struct dns_client *c = ctx;
	log_message(LOG_WARNING, "resolver is away: %s", why);
	channel_free(ch);
	c->channel = NULL;
}

/* --- The client --- */

struct dns_client *dns_client_new(uint64_t timeout_ms)
{
	struct dns_client *c = xcalloc(1, sizeof(*c));
	TAILQ_INIT(&c->questions);
	c->timeout_ms = timeout_ms;
	c->timer = loop_timer(on_tick, c);
	return c;
}

void dns_client_set_timeout(struct dns_client *c, uint64_t timeout_ms)
{
	c->timeout_ms = timeout_ms;
}

void dns_client_free(struct dns_client *c)
{
	if (c == NULL)
		return;
	while (!TAILQ_EMPTY(&c->questions))
		dns_client_forget(TAILQ_FIRST(&c->questions));
	channel_free(c->channel);
	event_free(c->timer);
	slots_free(&c->cookies);
	free(c);
}

void dns_client_connect(struct dns_client *c, int fd)
{
	struct dns_question *q;
	channel_free(c->channel);
	c->channel = channel_new(fd, &remote_resolver_client, &handlers, c, on_closed);
	TAILQ_FOREACH(q, &c->questions, link)
	ask_now(q);
}
