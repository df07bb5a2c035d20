/* SPDX-License-Identifier: ISC
 *
 * Has pam-check check passwords. Every question is answered once: PAM_LATER when
 * pam-check is not there, goes away, or says nothing in time.
 */
#ifndef POSTERN_DIRECTORY_PAM_CLIENT_H
#define POSTERN_DIRECTORY_PAM_CLIENT_H

#include "common/answers.h"
#include "common/str.h"

#include <sys/queue.h>

enum { PAM_CLIENT_MAX = 64, PAM_CLIENT_WAIT_MS = 40000 };

struct pam_question {
	LIST_ENTRY(pam_question) entries;
	uint32_t cookie;
	uint64_t end;
	/* Called from the loop; the question is its owner's again. */
	void (*fn)(struct pam_question *q, enum pam_verdict verdict);
};

void pam_client_start(void);
void pam_client_end(void); /* who waits is called */
void pam_client_peer(int fd);
/* With q->fn set. False: too many are asked, or nobody is there to ask. */
bool pam_client_ask(
    struct pam_question *q, struct str user, struct str password, struct str client);

#endif
