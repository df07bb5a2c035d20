/* SPDX-License-Identifier: ISC
 *
 * The files of certificates and their private keys, which control opens for keys, since
 * it may (they can be root's alone). Nothing of what is in them is read here.
 * What keys thinks of them it says, and control remembers it for who asks.
 */
#ifndef POSTERN_CONTROL_CERTIFICATES_H
#define POSTERN_CONTROL_CERTIFICATES_H

#include "common/buf.h"
#include "common/channel.h"
#include "common/conf.h"

enum { CERTIFICATES_LOOK_MS = 20 * 1000 };

#define CERTIFICATES_USELESS                                                                       \
	"no certificate can be used: STARTTLS is not offered, and clients of ports with implicit " \
	"TLS are turned away"

struct msg_key_verdict;

/* Sends all of them to keys, by its channel; what cannot be opened is logged. */
void certificates_send(const struct conf *conf, struct channel *channel);
/* Sends those of which a file has changed since they were sent. */
void certificates_look(const struct conf *conf, struct channel *channel);
/* Another configuration, whose certificates will be sent when keys can be reached. */
void certificates_expect(const struct conf *conf);
/* keys ended: it will have none when it begins anew. */
void certificates_forget(void);

/* keys' verdict on one; what is not on the files that were sent last is passed over. */
void certificates_judge(const struct msg_key_verdict *m);
/* Calls it whenever keys has judged the last one that it had not. */
void certificates_watch(void (*on_judged)(void));
bool certificates_are_judged(void);
/* Some are meant for listeners, and none of these is in use. */
bool certificates_are_useless(void);
/* Appends a line for each of which something is wrong, and for all when none can be used, until
 * `text` has at most so many octets; returns how many are refused. */
size_t certificates_report(struct buf *text, size_t most);

#endif
