/* SPDX-License-Identifier: ISC
 *
 * What session tickets are made with: for each service its own, random, changed every few
 * hours, never written down. So a ticket of one service is nothing to another, and what
 * was recorded yesterday cannot be read with what is stolen today.
 */
#ifndef POSTERN_KEYS_TICKETS_H
#define POSTERN_KEYS_TICKETS_H

#include "common/msg-keys.h"

enum { TICKETS_ROTATE_MS = 4 * 3600 * 1000 };

/* New ones for all; the current become those before. */
void tickets_rotate(void);
void tickets_send(struct channel *channel, enum tls_service_id service);

#endif
