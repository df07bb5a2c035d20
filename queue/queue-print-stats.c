/* SPDX-License-Identifier: ISC
 *
 * Statistics: figures, then tables of destinations by age, of their states, and
 * of reasons. What is needed for the second table is printed into memory while
 * the first comes.
 */
#include "queue/queue-print-internal.h"
#include "queue/ages.h"
#include "queue/destination.h"
#include "common/envelope.h"
#include "common/mem.h"

#include <stdlib.h>

enum { NAME_WIDTH = 25, REASON_WIDTH = 60 };

void queue_print_age(char *out, uint64_t seconds)
{
	static const struct {
		uint64_t below, unit;
		char letter;
	} units[] = {
	    {120, 1, 's'}, {7200, 60, 'm'}, {48 * 3600, 3600, 'h'}, {UINT64_MAX, 86400, 'd'}};
	size_t i = 0;
	if (seconds == UINT64_MAX) {
		snprintf(out, AGE_TEXT_SIZE, "-");
		return;
	}
	while (seconds >= units[i].below)
		i++;
	snprintf(out, AGE_TEXT_SIZE, "%llu%c", (unsigned long long)(seconds / units[i].unit),
	    units[i].letter);
}

void queue_print_count(char *out, uint64_t n)
{
	const char *unit = n < 10000 ? "" : n < 1000000 ? "k" : "M";
	uint64_t shown = n < 10000 ? n : n < 1000000 ? n / 1000 : n / 1000000;
	snprintf(out, COUNT_TEXT_SIZE, "%llu%s", (unsigned long long)shown, unit);
}

static const char *const transports[] = {[TRANSPORT_LOCAL] = "local",
    [TRANSPORT_REMOTE] = "remote",
    [TRANSPORT_DISCARD] = "discard",
    [TRANSPORT_HOLD] = "hold"};

static const char *transport_name(unsigned transport)
{
	bool known = transport < sizeof(transports) / sizeof(transports[0]);
	return known && transports[transport] != NULL ? transports[transport] : "unknown";
}

/* An octet that begins no character stays with the one it belongs to. */
static void cut(char *text, size_t width)
{
	size_t n = strlen(text);
	if (n <= width)
		return;
	n = width - 1;
	while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	text[n] = '~';
	text[n + 1] = '\0';
}

char *queue_print_name(const struct msg_queue_destination *d, size_t width)
{
	char *name = queue_print_harmless(d->name), all[NEXTHOP_MAX + 32];
	if (d->transport == 0)
		snprintf(all, sizeof(all), "all");
	else if (d->transport == TRANSPORT_REMOTE)
		snprintf(all, sizeof(all), "%s", name);
	else
		snprintf(all, sizeof(all), "%s %s", transport_name(d->transport), name);
	free(name);
	size_t n = strlen(all);
	if (n > 0 && all[n - 1] == ' ')
		all[n - 1] = '\0'; /* a transport with one destination only */
	cut(all, width);
	return str_dup(str_from_cstr(all));
}

const char *queue_print_state(unsigned state)
{
	return state == DESTINATION_ALIVE     ? "alive"
	       : state == DESTINATION_DEAD    ? "dead"
	       : state == DESTINATION_PROBING ? "probing"
					      : "-";
}

uint64_t queue_print_probe_in(const struct msg_queue_destination *d, uint64_t now)
{
	if (d->next_probe == 0)
		return UINT64_MAX;
	return d->next_probe > now ? (d->next_probe - now) / 1000 : 0;
}

static uint64_t age_of(uint64_t arrival, uint64_t now)
{
	return arrival == 0 ? UINT64_MAX : arrival > now ? 0 : (now - arrival) / 1000;
}

/* --- figures ------------------------------------------------------------ */

struct figure {
	const char *name;  /* in JSON */
	const char *words; /* for people */
	uint64_t value;
};

static void print_figures(struct queue_print *p, const struct figure *list, size_t n)
{
	if (p->json)
		p->stats = json_object();
	for (size_t i = 0; i < n; i++)
		if (p->json)
			json_object_set_new(
			    p->stats, list[i].name, queue_print_json_number(list[i].value));
		else
			fprintf(p->out, "%-28s %llu\n", list[i].words,
			    (unsigned long long)list[i].value);
}

void queue_print_figures(struct queue_print *p, const struct msg_queue_figures *f)
{
	uint64_t age = f->oldest == 0 || f->oldest > p->now ? 0 : (p->now - f->oldest) / 1000;
	const struct figure list[] = {
	    {"messages", "messages waiting", f->messages},
	    {"recipients", "recipients waiting", f->recipients},
	    {"octets", "octets of content waiting", f->octets},
	    {"oldest_age", "age of the oldest, seconds", age},
	    {"in_flight", "deliveries under way", f->in_flight},
	    {"destinations_waiting", "destinations with mail", f->destinations},
	    {"destinations_dead", "of these, dead", f->dead},
	    {"accepted", "messages accepted since start", f->accepted},
	    {"delivered", "recipients delivered", f->delivered},
	    {"deferred", "tries deferred", f->deferred},
	    {"segments", "spool segments", f->segments},
	    {"spool_octets", "octets of the spool", f->spool_octets},
	};
	print_figures(p, list, sizeof(list) / sizeof(list[0]));
}

/* --- tables ------------------------------------------------------------- */

/* The table of states, which follows the one of ages; then that of reasons. */
struct queue_table {
	FILE *out;
	char *text;
	size_t size;
	bool reasons; /* their heading is out */
};

static struct queue_table *tables_of(struct queue_print *p)
{
	if (p->tables != NULL)
		return p->tables;
	p->tables = xcalloc(1, sizeof(*p->tables));
	p->tables->out = open_memstream(&p->tables->text, &p->tables->size);
	fprintf(p->out, "\n%-*s %5s", NAME_WIDTH, "WAITING, BY AGE", "all");
	for (size_t i = 0; i < QUEUE_AGES; i++)
		fprintf(p->out, " %4s", queue_ages[i].label);
	fprintf(p->tables->out, "\n%-*s %5s %6s %-7s %7s %5s %s\n", NAME_WIDTH, "DESTINATION",
	    "mail", "oldest", "state", "slots", "probe", "last reason");
	fputc('\n', p->out);
	return p->tables;
}

static void print_ages(FILE *out, const char *name, const struct msg_queue_destination *d)
{
	char count[COUNT_TEXT_SIZE];
	queue_print_count(count, d->recipients);
	fprintf(out, "%-*s %5s", NAME_WIDTH, name, count);
	for (size_t i = 0; i < d->ages_count && i < QUEUE_AGES; i++) {
		queue_print_count(count, d->ages[i].recipients);
		fprintf(out, " %4s", d->ages[i].recipients == 0 ? "." : count);
	}
	fputc('\n', out);
}

static void print_state(
    struct queue_print *p, FILE *out, const char *name, const struct msg_queue_destination *d)
{
	char mail[COUNT_TEXT_SIZE], oldest[AGE_TEXT_SIZE], probe[AGE_TEXT_SIZE], slots[32];
	char *reason = queue_print_harmless(d->reason);
	queue_print_count(mail, d->messages);
	queue_print_age(oldest, age_of(d->oldest, p->now));
	queue_print_age(probe, queue_print_probe_in(d, p->now));
	snprintf(slots, sizeof(slots), "%u/%u", d->in_flight, d->window);
	cut(reason, REASON_WIDTH);
	fprintf(out, "%-*s %5s %6s %-7s %7s %5s %s\n", NAME_WIDTH, name, mail, oldest,
	    queue_print_state(d->state), slots, probe, reason);
	free(reason);
}

static json_t *json_destination(struct queue_print *p, const struct msg_queue_destination *d)
{
	json_t *j = json_object(), *ages = json_object();
	json_object_set_new(j, "destination", queue_print_json_text(d->name));
	json_object_set_new(j, "transport", json_string(transport_name(d->transport)));
	json_object_set_new(j, "messages", queue_print_json_number(d->messages));
	json_object_set_new(j, "recipients", queue_print_json_number(d->recipients));
	if (d->oldest > 0)
		json_object_set_new(
		    j, "oldest_age", queue_print_json_number(age_of(d->oldest, p->now)));
	json_object_set_new(j, "state", json_string(queue_print_state(d->state)));
	json_object_set_new(j, "in_flight", queue_print_json_number(d->in_flight));
	json_object_set_new(j, "window", queue_print_json_number(d->window));
	if (d->rate > 0)
		json_object_set_new(j, "rate", queue_print_json_number(d->rate));
	if (d->next_probe > 0)
		json_object_set_new(j, "next_probe", queue_print_json_number(d->next_probe / 1000));
	if (d->reason.n > 0)
		json_object_set_new(j, "delay_reason", queue_print_json_text(d->reason));
	for (size_t i = 0; i < d->ages_count && i < QUEUE_AGES; i++)
		json_object_set_new(
		    ages, queue_ages[i].label, queue_print_json_number(d->ages[i].recipients));
	json_object_set_new(j, "ages", ages);
	return j;
}

/* The array of that name, made when it is not there. */
static json_t *json_list(struct queue_print *p, const char *name)
{
	json_t *list = json_object_get(p->stats, name);
	if (list != NULL)
		return list;
	list = json_array();
	json_object_set_new(p->stats, name, list);
	return list;
}

void queue_print_destination(struct queue_print *p, const struct msg_queue_destination *d)
{
	if (p->json) {
		json_t *j = json_destination(p, d);
		if (d->transport == 0) {
			json_object_set(p->stats, "ages", json_object_get(j, "ages"));
			json_decref(j);
		} else {
			json_array_append_new(json_list(p, "destinations"), j);
		}
		return;
	}
	struct queue_table *t = tables_of(p);
	char *name = queue_print_name(d, NAME_WIDTH);
	print_ages(p->out, name, d);
	if (d->transport != 0)
		print_state(p, t->out, name, d);
	free(name);
}

void queue_print_reason(struct queue_print *p, const struct msg_queue_reason *r)
{
	char count[COUNT_TEXT_SIZE], oldest[AGE_TEXT_SIZE];
	if (p->json) {
		json_t *j = json_object();
		json_object_set_new(j, "delay_reason", queue_print_json_text(r->text));
		json_object_set_new(j, "recipients", queue_print_json_number(r->recipients));
		json_object_set_new(
		    j, "oldest_age", queue_print_json_number(age_of(r->oldest, p->now)));
		json_array_append_new(json_list(p, "reasons"), j);
		return;
	}
	struct queue_table *t = tables_of(p);
	if (!t->reasons)
		fprintf(t->out, "\n%5s %6s %s\n", "all", "oldest", "REASON");
	t->reasons = true;
	char *text = queue_print_harmless(r->text);
	queue_print_count(count, r->recipients);
	queue_print_age(oldest, age_of(r->oldest, p->now));
	fprintf(t->out, "%5s %6s %s\n", count, oldest, text);
	free(text);
}

void queue_print_stats_end(struct queue_print *p)
{
	if (p->json) {
		json_list(p, "destinations");
		json_list(p, "reasons");
		queue_print_dump(p, p->stats);
		fputc('\n', p->out);
		p->stats = NULL;
		return;
	}
	if (p->tables == NULL)
		return;
	fclose(p->tables->out);
	fwrite(p->tables->text, 1, p->tables->size, p->out);
	free(p->tables->text);
	free(p->tables);
	p->tables = NULL;
}
