/* SPDX-License-Identifier: ISC
 *
 * Queue ids: 64-bit numbers, ever growing within a spool (microseconds since the
 * epoch, or the last id plus one), below 52^11. In text: 11 characters of a 52-letter alphabet
 * without vowels, as Postfix's long ids, so that log tools take them and file
 * names with them cannot collide when case is kept; they sort as their numbers do.
 */
#ifndef POSTERN_QUEUE_ID_H
#define POSTERN_QUEUE_ID_H

#include "common/str.h"

#define QUEUE_ID_SIZE 13 /* with the NUL */

void queue_id_format(uint64_t id, char out[QUEUE_ID_SIZE]);
/* False for anything queue_id_format does not print. */
bool queue_id_parse(struct str text, uint64_t *id);

#endif
