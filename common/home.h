/* SPDX-License-Identifier: ISC
 *
 * The directory that a program keeps its own files in, opened before the jail.
 */
#ifndef POSTERN_HOME_H
#define POSTERN_HOME_H

#include <stdbool.h>

/* Makes it (mode 0700, the user's when started as root, with its leading directories) if it is
 * missing. Unless it is a directory of that user's which nobody else may write, says what to do,
 * and ends the program, or returns -1 when it can do without (`needed` false). `option` is the one
 * of the configuration that names the directory. */
int home_open(const char *path, const char *user, const char *option, bool needed);

#endif
