/* SPDX-License-Identifier: ISC
 *
 * A seal over a finished file: one more page at its end with a digest of all
 * before it. It tells a half-written or damaged file from a whole one before the
 * library that reads it sees a byte; it is no protection against forgery.
 */
#ifndef POSTERN_DIRECTORY_MAP_SEAL_H
#define POSTERN_DIRECTORY_MAP_SEAL_H

#include <stdbool.h>

/* Appends the seal to a file open for reading and writing; false with errno. */
bool map_seal_put(int fd);
/* Whether the file ends in a seal that fits the rest. */
bool map_seal_is_whole(int fd);

#endif
