/* SPDX-License-Identifier: ISC
 *
 * Changes to one line of a text; everything else, comments and order included,
 * stays as it is. Each returns false when the text would pass its ceiling or has
 * no such line, and has then changed nothing.
 */
#ifndef POSTERN_DIRECTORY_TEXT_EDIT_H
#define POSTERN_DIRECTORY_TEXT_EDIT_H

#include "common/buf.h"

/* `line` without its newline; lines count from 1. */
bool text_append_line(struct buf *text, struct str line);
bool text_replace_line(struct buf *text, unsigned number, struct str line);
bool text_remove_line(struct buf *text, unsigned number);

#endif
