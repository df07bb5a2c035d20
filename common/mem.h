/* SPDX-License-Identifier: ISC
 *
 * Allocation that succeeds or ends the program with exit status 111. Sizes that
 * come from outside are capped before they get here.
 */
#ifndef POSTERN_MEM_H
#define POSTERN_MEM_H

#include <stddef.h>

#define EXIT_OUT_OF_MEMORY 111

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *xcalloc(size_t count, size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/* Room for `count` elements of n bytes each; neither may be 0. */
void *xreallocarray(void *p, size_t count, size_t n) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
