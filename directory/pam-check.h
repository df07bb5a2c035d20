/* SPDX-License-Identifier: ISC
 *
 * Answers pam_query (msg-directory-pam.def): each question is a process of its own, which
 * says by its exit status what PAM said.
 */
#ifndef POSTERN_DIRECTORY_PAM_CHECK_H
#define POSTERN_DIRECTORY_PAM_CHECK_H

#include "common/conf.h"
#include "common/wiring.h"

enum {
	PAM_CHECK_PROCESSES_MAX = 16,
	PAM_CHECK_QUEUE_MAX = 64,
	PAM_CHECK_MS = 30000, /* for one */
};

#define PAM_CHECK_SERVICE "postern"

void pam_check_start(const struct conf *conf);
void pam_check_peer(enum edge_id edge, unsigned instance, int fd);

#endif
