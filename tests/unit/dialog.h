/* SPDX-License-Identifier: ISC
 *
 * Runs a dialog file (tests/dialogs/README) against the SMTP server core.
 */
#ifndef POSTERN_TESTS_DIALOG_H
#define POSTERN_TESTS_DIALOG_H

#include "common/str.h"

struct dialog_mode {
	size_t
	    cut; /* groups of C lines are fed in two pieces: `cut` octets, and the rest; 0: whole */
	bool octets;   /* octet by octet */
	bool deferred; /* directory and queue answer later */
};

/* False, and why in `fault` (with the line), when the server did not do what the dialog says.
 * *longest becomes the length of its longest group of C lines; may be NULL. */
bool dialog_run(struct str text, const struct dialog_mode *mode, size_t *longest, char *fault,
    size_t fault_size);

#endif
