/* SPDX-License-Identifier: ISC
 *
 * The text of dialog files (tests/dialogs/README): words, escapes, patterns.
 */
#ifndef POSTERN_TESTS_DIALOG_TEXT_H
#define POSTERN_TESTS_DIALOG_TEXT_H

#include "common/buf.h"

/* Takes the next word, and the blanks around it. */
struct str dialog_word(struct str *s);
unsigned dialog_number(struct str s);
/* The line without its escapes, and CRLF unless it ends in \c. */
void dialog_append_line(struct buf *out, struct str line);
/* "..." at the end of the pattern stands for anything. */
bool dialog_fits(struct str line, struct str pattern);

#endif
