/* SPDX-License-Identifier: ISC
 *
 * What control writes into the pipe of who waits for its start (option -r) when every program is at
 * work: one octet, and behind it a line for each warning. It is written, and read, at once: a pipe
 * takes as much whole (PIPE_BUF).
 */
#ifndef POSTERN_CONTROL_START_WORD_H
#define POSTERN_CONTROL_START_WORD_H

enum { START_WORD_MAX = 4096 };

#endif
