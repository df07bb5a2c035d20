/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_DIRECTORY_PASSWORD_READ_H
#define POSTERN_DIRECTORY_PASSWORD_READ_H

#include "common/limits.h"

#include <stdbool.h>
#include <stddef.h>

/* A new password: typed twice without echo at a terminal, else the first line of the standard
 * input. False after the reason was printed on stderr. The caller wipes it. */
bool password_read(char out[PASSWORD_MAX + 1], size_t *n);

#endif
