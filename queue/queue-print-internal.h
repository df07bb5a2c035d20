/* SPDX-License-Identifier: ISC
 *
 * Shared by queue-print.c (lists), queue-print-stats.c and queue-watch.c.
 */
#ifndef POSTERN_QUEUE_PRINT_INTERNAL_H
#define POSTERN_QUEUE_PRINT_INTERNAL_H

#include "queue/queue-print.h"

#include <jansson.h>

/* A copy that is valid UTF-8 without control characters; the caller frees it. */
char *queue_print_harmless(struct str s);
json_t *queue_print_json_text(struct str s);
json_t *queue_print_json_number(uint64_t n);
/* Prints and frees it. */
void queue_print_dump(struct queue_print *p, json_t *j);

/* "45s", "12m", "3h", "4d"; "-" for UINT64_MAX. */
enum { AGE_TEXT_SIZE = 24 };
void queue_print_age(char *out, uint64_t seconds);
/* At most four columns: "9999", "120k", "3M". */
void queue_print_count(char *out, uint64_t n);
enum { COUNT_TEXT_SIZE = 24 };
/* A destination's name as it is shown, at most `width` octets; the caller frees it. */
char *queue_print_name(const struct msg_queue_destination *d, size_t width);
const char *queue_print_state(unsigned state);
/* Seconds until its probe; UINT64_MAX: none is to come. */
uint64_t queue_print_probe_in(const struct msg_queue_destination *d, uint64_t now);

#endif
