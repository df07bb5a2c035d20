/* SPDX-License-Identifier: ISC */
#include "tests/unit/client-harness.h"

static bool read_content(void *ctx, uint64_t offset, uint8_t *to, size_t n)
{
	struct harness *h = ctx;
	if (n == 0 || offset + n > h->last->mail.size)
		h->broken = "a read past the content";
	if (h->broken != NULL || (h->unreadable && offset + n > h->unreadable_from))
		return false;
	memcpy(to, buf_data(&h->content) + offset, n);
	return true;
}

static struct str keep(char *to, size_t size, struct str s, const char **broken)
{
	if (s.n >= size)
		*broken = "a text that is too long";
	s = str_head(s, size - 1);
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_is_print(s.p[i]))
			*broken = "a text that is not printable";
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return (struct str){to, s.n};
}

static void on_result(void *ctx, const struct client_mail *mail, size_t recipient,
    const struct client_result *result)
{
	struct harness *h = ctx;
	struct harness_sent *of = mail == &h->before->mail ? h->before : h->last;
	if (mail != &of->mail || recipient >= mail->recipient_count ||
	    of->results[recipient].given) {
		h->broken = "a result too many";
		return;
	}
	struct harness_result *r = &of->results[recipient];
	r->given = true;
	r->r = *result;
	r->r.status = keep(r->status, sizeof(r->status), result->status, &h->broken);
	r->r.reply = keep(r->reply, sizeof(r->reply), result->reply, &h->broken);
	r->r.text = keep(r->text, sizeof(r->text), result->text, &h->broken);
	if (result->reply.n == 0 && result->text.n == 0)
		h->broken = "a result without a reason";
	static const char classes[] = {
	    [DELIVERY_TAKEN] = '2', [DELIVERY_DEFERRED] = '4', [DELIVERY_FAILED] = '5'};
	if (result->status.n < 5 || result->status.p[0] != classes[result->outcome])
		h->broken = "a status that is not the outcome's";
	of->given++;
}

static const struct client_ops ops = {.read = read_content, .on_result = on_result};

void harness_init(struct harness *h)
{
	memset(h, 0, sizeof(*h));
	h->last = &h->slots[0];
	h->before = &h->slots[1];
	h->policy = (struct client_policy){
	    .protocol = NEXTHOP_SMTP,
	    .helo = STR("out.example.org"),
	    .tls = CLIENT_TLS_MAY,
	};
	h->mail.reverse_path = STR("ann@example.org");
	h->mail.recipients = h->recipients;
	buf_init(&h->content, SIZE_MAX / 2);
	buf_init(&h->out, CLIENT_OUT_MAX);
	buf_init(&h->sent, SIZE_MAX / 2);
}

void harness_add_recipient(struct harness *h, const char *address)
{
	h->recipients[h->mail.recipient_count++] =
	    (struct client_recipient){.address = str_from_cstr(address)};
}

/* As the caller of the client does it: pulls while there is room, sends all. */
static void work(struct harness *h)
{
	for (unsigned idle = 0; client_need(&h->client) == CLIENT_PULL; idle++) {
		if (idle > 100000) {
			h->broken = "pulled for ever";
			return;
		}
		client_pull(&h->client);
		buf_append_str(&h->sent, buf_str(&h->out));
		buf_reset(&h->out);
	}
	buf_append_str(&h->sent, buf_str(&h->out));
	buf_reset(&h->out);
}

void harness_start(struct harness *h)
{
	client_init(&h->client, &h->policy, &ops, h, &h->out);
	work(h);
}

void harness_free(struct harness *h)
{
	client_free(&h->client);
	buf_release(&h->content);
	buf_release(&h->out);
	buf_release(&h->sent);
}

void harness_feed(struct harness *h, struct str in)
{
	client_feed(&h->client, in);
	work(h);
}

void harness_tls(struct harness *h)
{
	client_on_tls(&h->client);
	work(h);
}

void harness_take_mail(struct harness *h)
{
	struct harness_sent *sent = h->last;
	h->mail.size = buf_len(&h->content);
	sent->mail = h->mail;
	sent->mail.recipients = sent->recipients;
	memcpy(sent->recipients, h->recipients, sizeof(sent->recipients));
	memset(sent->results, 0, sizeof(sent->results));
	sent->given = 0;
}

void harness_send(struct harness *h)
{
	memset(h->before, 0, sizeof(*h->before));
	harness_take_mail(h);
	client_send(&h->client, &h->last->mail);
	work(h);
}

static void swap(struct harness *h)
{
	struct harness_sent *last = h->last;
	h->last = h->before;
	h->before = last;
}

bool harness_send_ahead(struct harness *h)
{
	swap(h);
	harness_take_mail(h);
	bool ok = client_send_ahead(&h->client, &h->last->mail);
	if (!ok)
		swap(h);
	work(h);
	return ok;
}

void harness_withdraw(struct harness *h)
{
	client_withdraw(&h->client);
	memset(h->last, 0, sizeof(*h->last));
	work(h);
}

void harness_quit(struct harness *h)
{
	client_quit(&h->client);
	work(h);
}

void harness_close(struct harness *h)
{
	client_on_closed(&h->client, STR("connection reset by peer"));
	work(h);
}

void harness_timeout(struct harness *h)
{
	client_on_timeout(&h->client);
	work(h);
}

const char *harness_check(const struct harness *h)
{
	const struct client *c = &h->client;
	enum client_need need = client_need(c);
	if (h->broken != NULL)
		return h->broken;
	if ((need == CLIENT_READY || need == CLIENT_OVER) && h->last->given != h->last->mail.recipient_count)
		return "a recipient without a result";
	if (c->before.mail == NULL && h->before->given != h->before->mail.recipient_count)
		return "a recipient of the mail before without a result";
	if (c->before.mail != NULL && c->mail != NULL && (h->before->given == h->before->mail.recipient_count ||
					  need != CLIENT_REPLY))
		return "a mail before that is over";
	if ((need == CLIENT_READY || need == CLIENT_OVER) && c->mail != NULL)
		return "a mail left over";
	if (need == CLIENT_READY && c->outstanding != 0 && !c->early)
		return "a reply is still to come";
	if (c->content.seven != NULL && c->mail == NULL)
		return "a conversion left over";
	if (need == CLIENT_TLS && c->peer.extensions != 0)
		return "something learned in clear is kept";
	return NULL;
}

static size_t taken(const struct harness_sent *of)
{
	size_t n = 0;
	for (size_t i = 0; i < of->mail.recipient_count; i++)
		n += of->results[i].given && of->results[i].r.outcome == DELIVERY_TAKEN;
	return n;
}

size_t harness_taken(const struct harness *h)
{
	return taken(h->last) + taken(h->before);
}
