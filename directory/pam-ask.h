/* SPDX-License-Identifier: ISC */
#ifndef POSTERN_DIRECTORY_PAM_ASK_H
#define POSTERN_DIRECTORY_PAM_ASK_H

#include "common/answers.h"

/* One conversation with PAM: authentication, then whether the account may be used. `client` may be
 * empty. Takes as long as the modules take (seconds, after a wrong password). */
enum pam_verdict pam_ask(
    const char *service, const char *user, const char *password, const char *client);

#endif
