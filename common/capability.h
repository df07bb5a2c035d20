/* SPDX-License-Identifier: ISC
 *
 * The capabilities of those few processes that stay root.
 */
#ifndef POSTERN_CAPABILITY_H
#define POSTERN_CAPABILITY_H

#include <stddef.h>

/* Gives up every capability but these (CAP_*), for itself and for what it starts. Ends the program
 * when it cannot. */
void capability_keep(const unsigned *kept, size_t n);

#endif
