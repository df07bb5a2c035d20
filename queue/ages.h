/* SPDX-License-Identifier: ISC
 *
 * By how long mail has waited: what `postern queue stats` counts by.
 */
#ifndef POSTERN_QUEUE_AGES_H
#define POSTERN_QUEUE_AGES_H

enum { QUEUE_AGES = 9 };

static const struct {
	unsigned below; /* seconds; 0: the rest */
	const char *label;
} queue_ages[QUEUE_AGES] = {
    {300, "5m"},
    {900, "15m"},
    {3600, "1h"},
    {4 * 3600, "4h"},
    {12 * 3600, "12h"},
    {86400, "1d"},
    {2 * 86400, "2d"},
    {5 * 86400, "5d"},
    {0, "more"},
};

#endif
