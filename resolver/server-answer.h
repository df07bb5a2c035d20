/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_RESOLVER_SERVER_ANSWER_H
#define POSTERN_RESOLVER_SERVER_ANSWER_H

#include "common/channel.h"
#include "resolver/answer.h"

/* Sends an answer to a question of that type as the message it belongs to. */
void server_answer(struct channel *to, uint32_t cookie, uint16_t type, const struct answer *answer);

#endif
