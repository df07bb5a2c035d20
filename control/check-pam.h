/* SPDX-License-Identifier: ISC
 *
 * Whether PAM has been told what to ask of users of the machine.
 */
#ifndef POSTERN_CONTROL_CHECK_PAM_H
#define POSTERN_CONTROL_CHECK_PAM_H

#include <stdbool.h>
#include <stdio.h>

/* Where PAM looks for the file of a service; ends in NULL. */
extern const char *const check_pam_directories[];

/* Whether one of the directories has the file of our service. When not so, a line of warning
 * after `conf_path` says what to do. */
bool check_pam(const char *const *directories, const char *conf_path, FILE *out);

#endif
