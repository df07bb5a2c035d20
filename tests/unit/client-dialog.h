/* SPDX-License-Identifier: ISC
 *
 * Runs a dialog file of tests/dialogs/client (see tests/dialogs/README) against the
 * SMTP client core.
 */
#ifndef POSTERN_TESTS_CLIENT_DIALOG_H
#define POSTERN_TESTS_CLIENT_DIALOG_H

#include "common/str.h"

struct dialog_mode {
	size_t cut;  /* groups of S lines are fed in two pieces: `cut` octets, and the rest; 0: whole */
	bool octets; /* octet by octet */
	/* After so many octets from the server the connection is lost; then only invariants are
	 * checked. 0: never. */
	size_t lost;
};

/* False, and why in `fault` (with the line), when the client did not do what the dialog says.
 * *octets become all of the server's, *longest its longest group; may be NULL. */
bool dialog_run(struct str text, const struct dialog_mode *mode, size_t *octets, size_t *longest,
    char *fault, size_t fault_size);

#endif
