/* SPDX-License-Identifier: ISC
 *
 * sendmail's main work: a message on standard input becomes one at the server.
 */
#ifndef POSTERN_CONTROL_LETTER_H
#define POSTERN_CONTROL_LETTER_H

#include "control/sendmail-options.h"

/* `run` is the run directory. A status of sysexits.h; anything but EX_OK was explained on stderr.
 */
int letter_submit(const struct sendmail_options *o, const char *run, uint64_t message_max);

#endif
