/* SPDX-License-Identifier: ISC
 *
 * A delivery that was cut short leaves its file in tmp/. As Maildir has it, what
 * lies there untouched for 36 hours may be removed.
 */
#ifndef POSTERN_TMP_SWEEP_H
#define POSTERN_TMP_SWEEP_H

#include <stddef.h>

enum { TMP_LIFETIME_S = 36 * 3600, TMP_SWEEP_MAX = 1000 };

/* Removes old files; looks at no more than TMP_SWEEP_MAX. Returns how many it removed. */
size_t tmp_sweep(int tmp);

#endif
