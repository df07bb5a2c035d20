/* SPDX-License-Identifier: ISC
 *
 * Failed logins over a restart: a Berkeley DB in the state directory, which is the jail's root (or
 * the current directory). Written anew, whole, a moment after something changed; a file that does
 * not check is set aside. Whatever happens to it, logins go on.
 */
#ifndef POSTERN_DIRECTORY_GUESS_STORE_H
#define POSTERN_DIRECTORY_GUESS_STORE_H

#include "directory/guesses.h"

struct guess_store;

/* Reads what there is into `g`, which outlives the store, and keeps it from then on. */
struct guess_store *guess_store_open(struct guesses *g);
/* Writes what is new, before it returns. NULL does nothing. */
void guess_store_close(struct guess_store *s);

/* Random octets that are the same after a restart, from the file `name` there; false: they are
 * fresh, and could not be kept. */
bool guess_store_secret(const char *name, uint8_t *out, size_t n);

#endif
