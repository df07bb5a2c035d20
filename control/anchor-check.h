/* SPDX-License-Identifier: ISC
 *
 * Whether resolver can use the file of the trust anchor that a configuration names, as far as
 * is seen from outside. Its content is not read: control parses nothing.
 */
#ifndef POSTERN_CONTROL_ANCHOR_CHECK_H
#define POSTERN_CONTROL_ANCHOR_CHECK_H

#include "common/buf.h"
#include "common/conf.h"

/* False with a line appended that says what is wrong and what to do. */
bool anchor_check(const struct conf *conf, const char *conf_path, struct buf *faults);
/* Only what resolver must not have (anchor-place.h): one that cannot use its anchor keeps nobody
 * else from working. */
bool anchor_check_place(const struct conf *conf, const char *conf_path, struct buf *faults);

#endif
