/* SPDX-License-Identifier: ISC
 *
 * The tables of connections that the workers of smtpd and pop3d share (common/admission.h).
 */
#ifndef POSTERN_CONTROL_COUNTERS_H
#define POSTERN_CONTROL_COUNTERS_H

#include "control/program.h"

/* Ends the process when that cannot be. */
void counters_make(const struct conf *conf);
/* There is a new configuration. */
void counters_allow(const struct conf *conf);
/* All pages, to a worker that starts. */
void counters_send(const struct program *p, const struct conf *conf);
/* The worker is dead. */
void counters_clear(const struct program *p);

#endif
