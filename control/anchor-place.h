/* SPDX-License-Identifier: ISC
 *
 * Whether the directory of the trust anchor is one that resolver may have: it reads and writes all
 * of it.
 */
#ifndef POSTERN_CONTROL_ANCHOR_PLACE_H
#define POSTERN_CONTROL_ANCHOR_PLACE_H

#include "common/buf.h"
#include "common/conf.h"

/* False with what is wrong and what to do appended, no line end. True also where there is no such
 * directory, or none that can be opened. `conf_path` is the configuration's file. */
bool anchor_place_is_own(const struct conf *conf, const char *conf_path, struct buf *why);

#endif
