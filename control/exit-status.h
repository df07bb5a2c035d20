/* SPDX-License-Identifier: ISC
 *
 * How a program ended, in words and as a decision.
 */
#ifndef POSTERN_CONTROL_EXIT_STATUS_H
#define POSTERN_CONTROL_EXIT_STATUS_H

#include <stdbool.h>
#include <stddef.h>

/* `status` as from waitpid: "exit 111 (out of memory)", "signal 9 (Killed)". */
void exit_status_describe(int status, char *out, size_t n);
/* The program said that it cannot work as things are, and that another try would not help: its
 * exit status of sysexits.h. 0 for every other end. */
int exit_status_refusal(int status);

#endif
