/* SPDX-License-Identifier: ISC
 *
 * What a reload may not change, because programs are jailed or counted by it, or because the log
 * would be lost.
 */
#ifndef POSTERN_CONTROL_RELOAD_H
#define POSTERN_CONTROL_RELOAD_H

#include "common/buf.h"
#include "common/conf.h"

/* Appends a line for each difference that only a stop and a start can bring into force. */
bool reload_may_change(
    const struct conf *old, const struct conf *fresh, const char *conf_path, struct buf *faults);
/* Appends a line when the log is to move to this descriptor, standard error, and nobody would read
 * it there: it is /dev/null, as after `postern start --detach`, or who read it is gone. */
bool reload_may_move_log(const struct conf *old, const struct conf *fresh, int standard_error,
    const char *conf_path, struct buf *faults);

#endif
