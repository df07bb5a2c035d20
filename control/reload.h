/* SPDX-License-Identifier: ISC
 *
 * What a reload may not change, because programs are jailed or counted by it.
 */
#ifndef POSTERN_CONTROL_RELOAD_H
#define POSTERN_CONTROL_RELOAD_H

#include "common/buf.h"
#include "common/conf.h"

/* Appends a line for each difference that only a stop and a start can bring into force. */
bool reload_may_change(
    const struct conf *old, const struct conf *fresh, const char *conf_path, struct buf *faults);

#endif
