/* SPDX-License-Identifier: ISC
 *
 * What all deliveries together tell of the network (common/netfault.h): told in the log once,
 * when it begins and when it is over, and in a few words behind the reasons of those it stops.
 */
#ifndef POSTERN_REMOTE_DIAGNOSIS_H
#define POSTERN_REMOTE_DIAGNOSIS_H

#include "common/msg-remote-resolver.h"
#include "deliver-remote/fault.h"

/* Of exchangers that were looked up only: what the operator names himself says nothing of the
 * network. */
void diagnosis_note_names(const char *domain, const struct msg_mx_answer *m);
void diagnosis_note_link(const char *host, enum link_fault fault);
void diagnosis_note_greeting(const char *host, struct str greeter);

/* " (outbound port 25 seems to be blocked; see ...)" for a mail that `fault` stops; else "". */
const char *diagnosis_words(enum link_fault fault);

#endif
