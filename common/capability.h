/* SPDX-License-Identifier: ISC
 *
 * The capabilities of those few processes that stay root.
 */
#ifndef POSTERN_CAPABILITY_H
#define POSTERN_CAPABILITY_H

#include <stdint.h>

/* Gives up every capability but these (a mask of 1 << CAP_*), for itself and for what it starts.
 * Ends the program when it cannot. */
void capability_keep(uint64_t kept);

#endif
