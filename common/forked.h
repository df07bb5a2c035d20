/* SPDX-License-Identifier: ISC
 *
 * What a forked child that goes on alone does first.
 */
#ifndef POSTERN_FORKED_H
#define POSTERN_FORKED_H

#include <stddef.h>

/* Closes everything from 3 on but these; -1 is none. The list is sorted. */
void forked_close_all_but(int *keep, size_t n);

#endif
