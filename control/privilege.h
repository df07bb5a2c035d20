/* SPDX-License-Identifier: ISC
 *
 * What root is left with in control, and so in the programs until they give it up.
 */
#ifndef POSTERN_CONTROL_PRIVILEGE_H
#define POSTERN_CONTROL_PRIVILEGE_H

#include <stdint.h>

/* Before anything is started. As root: as many open files as the kernel allows, no capability
 * but those listed in privilege.c, none to be gained by any program. Otherwise only the last.
 * Ends the program when it cannot. */
void privilege_reduce(void);
/* The mask of those capabilities. */
uint64_t privilege_kept(void);

#endif
