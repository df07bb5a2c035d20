/* SPDX-License-Identifier: ISC
 *
 * The directory that the spool is in, opened before the jail.
 */
#ifndef POSTERN_QUEUE_HOME_H
#define POSTERN_QUEUE_HOME_H

/* Makes it (mode 0700, the user's when started as root, with its leading directories) if it is
 * missing. Ends the program, saying what to do, unless it is a directory of that user's which
 * nobody else may write. */
int home_open(const char *path, const char *user);

#endif
