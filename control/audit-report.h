/* SPDX-License-Identifier: ISC
 *
 * What an audit says of one process: facts, each in words, and what is more than it may have.
 */
#ifndef POSTERN_CONTROL_AUDIT_REPORT_H
#define POSTERN_CONTROL_AUDIT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct audit_fact {
	const char *label;
	char *text;
};

struct audit_report {
	char *name;
	pid_t pid; /* 0: it does not run */
	struct audit_fact facts[16];
	size_t fact_count;
	char **excess;
	size_t excess_count;
	bool unseen; /* the kernel did not let us look at all of it */
};

struct audit {
	struct audit_report *reports;
	size_t count;
};

/* The report lives until the next is added. */
struct audit_report *audit_add(struct audit *audit, const char *name, pid_t pid);
/* The last one, as if it had not been. */
void audit_take_back(struct audit *audit);
void audit_fact(struct audit_report *r, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void audit_excess(struct audit_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void audit_reset(struct audit *audit);

/* To standard output, for people and for programs. */
void audit_print(const struct audit *audit);
void audit_print_json(const struct audit *audit);
size_t audit_excess_count(const struct audit *audit);
bool audit_is_complete(const struct audit *audit);

#endif
