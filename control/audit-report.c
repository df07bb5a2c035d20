/* SPDX-License-Identifier: ISC
 *
 * Names of files and sockets may be chosen by a program that was taken over, so nothing of them
 * reaches a terminal but printable characters.
 */
#include "control/audit-report.h"
#include "common/mem.h"
#include "common/str.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 1024 };

struct audit_report *audit_add(struct audit *audit, const char *name, pid_t pid)
{
	audit->reports = xreallocarray(audit->reports, audit->count + 1, sizeof(*audit->reports));
	struct audit_report *r = &audit->reports[audit->count++];
	*r = (struct audit_report){.name = xstrdup(name), .pid = pid};
	return r;
}

__attribute__((format(printf, 1, 0))) static char *format_text(const char *format, va_list args)
{
	char text[TEXT_MAX];
	vsnprintf(text, sizeof(text), format, args);
	for (char *c = text; *c != '\0'; c++)
		if (!ascii_is_print(*c))
			*c = '?';
	return xstrdup(text);
}

void audit_fact(struct audit_report *r, const char *label, const char *format, ...)
{
	va_list args;
	if (r->fact_count == sizeof(r->facts) / sizeof(r->facts[0]))
		return;
	va_start(args, format);
	r->facts[r->fact_count++] = (struct audit_fact){label, format_text(format, args)};
	va_end(args);
}

void audit_excess(struct audit_report *r, const char *format, ...)
{
	va_list args;
	r->excess = xreallocarray(r->excess, r->excess_count + 1, sizeof(*r->excess));
	va_start(args, format);
	r->excess[r->excess_count++] = format_text(format, args);
	va_end(args);
}

static void reset_report(struct audit_report *r)
{
	for (size_t i = 0; i < r->fact_count; i++)
		free(r->facts[i].text);
	for (size_t i = 0; i < r->excess_count; i++)
		free(r->excess[i]);
	free(r->excess);
	free(r->name);
}

void audit_take_back(struct audit *audit)
{
	reset_report(&audit->reports[--audit->count]);
}

void audit_reset(struct audit *audit)
{
	for (size_t i = 0; i < audit->count; i++)
		reset_report(&audit->reports[i]);
	free(audit->reports);
	*audit = (struct audit){.count = 0};
}

size_t audit_excess_count(const struct audit *audit)
{
	size_t n = 0;
	for (size_t i = 0; i < audit->count; i++)
		n += audit->reports[i].excess_count;
	return n;
}

bool audit_is_complete(const struct audit *audit)
{
	for (size_t i = 0; i < audit->count; i++)
		if (audit->reports[i].unseen)
			return false;
	return true;
}

static void print_report(const struct audit_report *r)
{
	if (r->pid == 0)
		printf("%s does not run\n", r->name);
	else
		printf("%s, process %d\n", r->name, (int)r->pid);
	for (size_t i = 0; i < r->fact_count; i++)
		printf("  %-13s %s\n", r->facts[i].label, r->facts[i].text);
	for (size_t i = 0; i < r->excess_count; i++)
		printf("  %-13s %s\n", "EXCESS", r->excess[i]);
	if (r->unseen)
		printf("  %-13s its root, files and sockets\n", "not seen");
	putchar('\n');
}

void audit_print(const struct audit *audit)
{
	size_t n = audit_excess_count(audit);
	for (size_t i = 0; i < audit->count; i++)
		print_report(&audit->reports[i]);
	printf("%zu process%s: ", audit->count, audit->count == 1 ? "" : "es");
	if (n > 0)
		printf("%zu that they should not have: see EXCESS\n", n);
	else if (audit_is_complete(audit))
		printf("nothing beyond what they declare\n");
	else
		printf("nothing beyond what they declare in what could be seen\n");
}

static json_t *report_json(const struct audit_report *r)
{
	json_t *facts = json_object(), *excess = json_array();
	for (size_t i = 0; i < r->fact_count; i++)
		json_object_set_new(facts, r->facts[i].label, json_string(r->facts[i].text));
	for (size_t i = 0; i < r->excess_count; i++)
		json_array_append_new(excess, json_string(r->excess[i]));
	return json_pack("{s:s, s:i, s:o, s:o, s:b}", "name", r->name, "pid", (int)r->pid, "facts",
	    facts, "excess", excess, "seen", !r->unseen);
}

void audit_print_json(const struct audit *audit)
{
	json_t *list = json_array();
	for (size_t i = 0; i < audit->count; i++)
		json_array_append_new(list, report_json(&audit->reports[i]));
	json_t *all = json_pack("{s:o, s:I, s:b}", "processes", list, "excess",
	    (json_int_t)audit_excess_count(audit), "complete", audit_is_complete(audit));
	if (all != NULL) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(all);
}
