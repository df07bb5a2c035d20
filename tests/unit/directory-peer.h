/* SPDX-License-Identifier: ISC
 *
 * A directory that a test plays for queue's questions, over a real socket pair.
 */
#ifndef POSTERN_TESTS_DIRECTORY_PEER_H
#define POSTERN_TESTS_DIRECTORY_PEER_H

#include "queue/router.h"

/* Where an address goes; the first row whose key is the address or its domain counts. */
struct directory_row {
	const char *key;
	uint8_t verdict;
	uint8_t transport; /* 0: no target */
	const char *nexthop;
	const char *text;
};

extern unsigned directory_peer_asked;
extern char directory_peer_last[ADDRESS_MAX + 1];
/* Asks are kept unanswered while it is set. */
extern bool directory_peer_silent;
/* Of the last `limit_told`. */
extern int directory_peer_told;

/* `rows` ends with key == NULL; what is in none is RCPT_NO_MAILBOX. */
void directory_peer_start(struct router *r, const struct directory_row *rows);
void directory_peer_kill(void);
bool directory_peer_lives(void);
void directory_peer_changed(uint32_t generation);
void directory_peer_send(const struct msg_address_answer *m);
void directory_peer_limit(const struct msg_limit_passed *m);

#endif
