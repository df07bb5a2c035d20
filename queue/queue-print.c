/* SPDX-License-Identifier: ISC */
#include "queue/queue-print-internal.h"
#include "queue/recipient-state.h"
#include "common/mem.h"
#include "common/queue-id.h"
#include "common/utf8.h"

#include <stdlib.h>
#include <time.h>

enum { RIGHT_EDGE = 76, UNDER_WAY = RECIPIENT_READY | RECIPIENT_ACTIVE | RECIPIENT_VISIBLE };

char *queue_print_harmless(struct str s)
{
	char *copy = str_dup(s);
	for (size_t i = 0; i < s.n;) {
		uint32_t code;
		size_t n = utf8_decode(str_skip(s, i), &code);
		if (n == 0 || utf8_is_control(code)) {
			memset(copy + i, '?', n == 0 ? 1 : n);
			n = n == 0 ? 1 : n;
		}
		i += n;
	}
	return copy;
}

/* "Mon Nov 23 22:41:18" */
static void format_time(char *out, size_t n, uint64_t ms)
{
	const time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	if (localtime_r(&seconds, &tm) == NULL || strftime(out, n, "%a %b %e %H:%M:%S", &tm) == 0)
		out[0] = '\0';
}

static unsigned states_of(const struct msg_queue_entry *entry)
{
	unsigned states = 0;
	for (size_t i = 0; i < entry->waiting_count; i++)
		states |= entry->waiting[i].state;
	return states;
}

/* --- text --------------------------------------------------------------- */

static void print_heading(struct queue_print *p)
{
	fputs("----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n", p->out);
}

static void print_reason(struct queue_print *p, const struct waiting_recipient *w)
{
	char *reason = queue_print_harmless(w->reason);
	const char *owed = w->state == RECIPIENT_FAILED ? "undeliverable: " : "";
	int width = RIGHT_EDGE - (int)(strlen(reason) + strlen(owed));
	fprintf(p->out, "%*s(%s%s)\n", width > 0 ? width : 0, "", owed, reason);
	free(reason);
}

static void print_recipient(struct queue_print *p, const struct waiting_recipient *w)
{
	char *address = queue_print_harmless(w->address);
	fprintf(p->out, "%-17s %8s %-19s %s\n", "", "", "", address);
	free(address);
}

/* A reason stands once, above all recipients that follow it with the same. */
static void print_recipients(struct queue_print *p, const struct msg_queue_entry *entry)
{
	struct str last = {NULL, 0};
	for (size_t i = 0; i < entry->waiting_count; i++) {
		const struct waiting_recipient *w = &entry->waiting[i];
		if (w->reason.n > 0 && !str_eq(w->reason, last))
			print_reason(p, w);
		last = w->reason;
		print_recipient(p, w);
	}
	if (entry->waiting_count == RECIPIENTS_PER_PACKET)
		fprintf(p->out, "%47s(of %u recipients, the first %u that wait)\n", "",
		    (unsigned)entry->recipients, (unsigned)RECIPIENTS_PER_PACKET);
}

/* As Postfix marks what is being delivered, and what is held. */
static const char *mark_of(unsigned states)
{
	return (states & UNDER_WAY) ? "*" : (states & RECIPIENT_HELD) ? "!" : "";
}

static void print_entry_text(struct queue_print *p, const struct msg_queue_entry *entry)
{
	char id[QUEUE_ID_SIZE], marked[QUEUE_ID_SIZE + 1], time[64];
	queue_id_format(entry->id, id);
	snprintf(marked, sizeof(marked), "%s%s", id, mark_of(states_of(entry)));
	format_time(time, sizeof(time), entry->arrival);
	char *sender = queue_print_harmless(entry->reverse_path);
	if (p->messages == 0)
		print_heading(p);
	fprintf(p->out, "%-17s %8llu %19.19s %s\n", marked, (unsigned long long)entry->size, time,
	    entry->reverse_path.n == 0 ? "MAILER-DAEMON" : sender);
	free(sender);
	print_recipients(p, entry);
	fputc('\n', p->out);
}

/* --- JSON --------------------------------------------------------------- */

json_t *queue_print_json_text(struct str s)
{
	char *text = queue_print_harmless(s);
	json_t *j = json_string(text);
	free(text);
	return j;
}

json_t *queue_print_json_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

void queue_print_dump(struct queue_print *p, json_t *j)
{
	if (j == NULL || json_dumpf(j, p->out, JSON_COMPACT) < 0)
		fputs("{}", p->out);
	json_decref(j);
}

static json_t *json_recipient(const struct waiting_recipient *w)
{
	json_t *j = json_object();
	json_object_set_new(j, "address", queue_print_json_text(w->address));
	if (w->reason.n > 0)
		json_object_set_new(j, "delay_reason", queue_print_json_text(w->reason));
	json_object_set_new(j, "state", json_string(recipient_state_name(w->state)));
	json_object_set_new(j, "attempts", queue_print_json_number(w->attempts));
	if (w->next_try > 0)
		json_object_set_new(j, "next_try", queue_print_json_number(w->next_try / 1000));
	return j;
}

static const char *queue_name(unsigned states)
{
	return (states & UNDER_WAY) ? "active" : (states & RECIPIENT_HELD) ? "hold" : "deferred";
}

static void print_entry_json(struct queue_print *p, const struct msg_queue_entry *entry)
{
	char id[QUEUE_ID_SIZE];
	json_t *j = json_object(), *list = json_array();
	queue_id_format(entry->id, id);
	json_object_set_new(j, "id", json_string(id));
	json_object_set_new(j, "queue_name", json_string(queue_name(states_of(entry))));
	json_object_set_new(j, "arrival_time", queue_print_json_number(entry->arrival / 1000));
	json_object_set_new(j, "message_size", queue_print_json_number(entry->size));
	json_object_set_new(j, "sender", queue_print_json_text(entry->reverse_path));
	json_object_set_new(j, "recipient_count", queue_print_json_number(entry->recipients));
	for (size_t i = 0; i < entry->waiting_count; i++)
		json_array_append_new(list, json_recipient(&entry->waiting[i]));
	json_object_set_new(j, "recipients", list);
	fputs(p->messages == 0 ? "[" : ",\n ", p->out);
	queue_print_dump(p, j);
}

/* --- lists -------------------------------------------------------------- */

void queue_print_entry(struct queue_print *p, const struct msg_queue_entry *entry)
{
	(p->json ? print_entry_json : print_entry_text)(p, entry);
	p->messages++;
	p->octets += entry->size;
}

void queue_print_list_end(struct queue_print *p)
{
	if (p->json)
		fputs(p->messages == 0 ? "[]\n" : "]\n", p->out);
	else if (p->messages == 0)
		fputs("Mail queue is empty\n", p->out);
	else
		fprintf(p->out, "-- %llu Kbytes in %llu Request%s.\n",
		    (unsigned long long)((p->octets + 1023) / 1024),
		    (unsigned long long)p->messages, str_plural(p->messages));
}

/* --- text in pieces ----------------------------------------------------- */

/* Whether a terminal might obey it: C0, or C1 as UTF-8 writes it. */
static bool is_obeyed(unsigned char c, unsigned char before)
{
	if (c == '\n' || c == '\t')
		return false;
	return c < ' ' || c == 0x7f || (before == 0xc2 && c >= 0x80 && c < 0xa0);
}

static void print_octet(struct queue_print *p, unsigned char c)
{
	if (p->terminal && is_obeyed(c, p->before))
		fprintf(p->out, "\\x%02X", c);
	else
		fputc(c, p->out);
	p->before = c;
}

void queue_print_text(struct queue_print *p, struct str piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		if (p->pending_cr && piece.p[i] != '\n')
			print_octet(p, '\r');
		p->pending_cr = piece.p[i] == '\r';
		if (!p->pending_cr)
			print_octet(p, (unsigned char)piece.p[i]);
	}
}
