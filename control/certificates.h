/* SPDX-License-Identifier: ISC
 *
 * The files of certificates and their private keys, which control opens for keys, since
 * it may (they can be root's alone). Nothing of what is in them is read here.
 */
#ifndef POSTERN_CONTROL_CERTIFICATES_H
#define POSTERN_CONTROL_CERTIFICATES_H

#include "common/channel.h"
#include "common/conf.h"

enum { CERTIFICATES_LOOK_MS = 20 * 1000 };

/* Sends all of them to keys, by its channel; what cannot be opened is logged. */
void certificates_send(const struct conf *conf, struct channel *channel);
/* Sends those of which a file has changed since they were sent. */
void certificates_look(const struct conf *conf, struct channel *channel);

#endif
