/* SPDX-License-Identifier: ISC
 *
 * Certificates and keys as the program keys will look at them.
 */
#ifndef POSTERN_CONTROL_CHECK_CERTIFICATES_H
#define POSTERN_CONTROL_CHECK_CERTIFICATES_H

#include "common/conf.h"

#include <stdio.h>

/* Each fault and warning is a line to `out`. EX_OK, or EX_CONFIG when one cannot be used or its key
 * is everybody's. Files that the caller may not read are no fault: they may be root's. What expires
 * within 14 days or has expired, and what is for other names than its section's, is a warning. */
int check_certificates(const struct conf *conf, const char *conf_path, FILE *out);

#endif
