/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_RESOLVER_UPSTREAM_LOG_H
#define POSTERN_RESOLVER_UPSTREAM_LOG_H

#include <stdio.h>

/* A stream whose lines become lines of our log: what libunbound calls an error as a warning, all
 * else when verbose. */
FILE *upstream_log(void);

#endif
