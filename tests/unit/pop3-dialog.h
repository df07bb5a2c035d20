/* SPDX-License-Identifier: ISC
 *
 * Runs a dialog file (tests/dialogs/pop3/README) against the two POP3 cores, one
 * after the other as in the real programs, over a mailbox in a scratch directory.
 */
#ifndef POSTERN_TESTS_POP3_DIALOG_H
#define POSTERN_TESTS_POP3_DIALOG_H

#include "common/str.h"

struct pop3_dialog_mode {
	size_t
	    cut; /* groups of C lines are fed in two pieces: `cut` octets, and the rest; 0: whole */
	bool octets; /* octet by octet */
	bool narrow; /* the client takes a few octets at a time */
};

/* False, and why in `fault` (with the line), when the server did not do what the dialog says.
 * *longest becomes the length of its longest group of C lines. */
bool pop3_dialog_run(struct str text, const struct pop3_dialog_mode *mode, size_t *longest,
    char *fault, size_t fault_size);

#endif
