/* SPDX-License-Identifier: ISC
 *
 * The lines of a text table: empty lines and lines that begin with "#" (after
 * blanks) are passed over; bytes that no text has are faults.
 */
#ifndef POSTERN_DIRECTORY_LINES_H
#define POSTERN_DIRECTORY_LINES_H

#include "directory/faults.h"

struct lines {
	struct str rest;
	unsigned number; /* of the line last returned, from 1 */
	const char *file;
	struct faults *faults;
	bool told_cr; /* once a file is enough */
};

struct line {
	struct str text; /* without blanks at its ends */
	bool indented;	 /* it began with a blank or tab */
	unsigned number;
};

void lines_init(struct lines *l, struct str text, const char *file, struct faults *faults);
/* The next line that says something; false at the end. Lines with faults are left out. */
bool lines_next(struct lines *l, struct line *out);

#endif
