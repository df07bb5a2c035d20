/* SPDX-License-Identifier: ISC
 *
 * A private, sealed copy of a file in memory.
 */
#ifndef POSTERN_DIRECTORY_MAP_IMAGE_H
#define POSTERN_DIRECTORY_MAP_IMAGE_H

#include <sys/types.h>

/* A descriptor of the copy of the file's first `size` octets; -1 with errno. */
int map_image_copy(int fd, off_t size);

#endif
