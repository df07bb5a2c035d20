/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_USER_NAME_H
#define POSTERN_USER_NAME_H

#include "common/str.h"

/* What a name of a user of the machine can be: at most USER_NAME_MAX letters, digits, "_", "-" and
 * ".", the first no "-" or ".". */
bool user_name_is_sane(struct str name);

#endif
