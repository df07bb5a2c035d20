/* SPDX-License-Identifier: ISC
 *
 * What is wrong with the tables: collected, then printed in the order of the
 * lines, "FILE:LINE: what is wrong and what to write instead".
 */
#ifndef POSTERN_DIRECTORY_FAULTS_H
#define POSTERN_DIRECTORY_FAULTS_H

#include "common/str.h"

#include <stdio.h>

struct fault {
	const char *file;
	unsigned line; /* 0: the file as a whole */
	bool warning;
	char *text;
};

struct faults {
	struct fault *list;
	size_t count;
	size_t cap;
	size_t errors; /* those that are no warnings */
};

/* `file` lives as long as the faults do. */
void faults_add(struct faults *f, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Something that works, but is probably not what was meant. */
void faults_warn(struct faults *f, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Sorts and prints all. */
void faults_print(struct faults *f, FILE *out);
/* No warnings, and at most `max`; then how many more there are. */
void faults_print_errors(struct faults *f, size_t max, FILE *out);
void faults_free(struct faults *f);

/* Text of a table made printable and cut at 120 octets, for a fault's "%s". */
#define FAULT_TEXT_SIZE 512
struct fault_text {
	char s[FAULT_TEXT_SIZE];
};
struct fault_text fault_text(struct str s);

#endif
