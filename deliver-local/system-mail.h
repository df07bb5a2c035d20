/* SPDX-License-Identifier: ISC
 *
 * deliver-local's part in mail for users of the machine: splits a delivery by user and
 * puts the answers together again.
 */
#ifndef POSTERN_SYSTEM_MAIL_H
#define POSTERN_SYSTEM_MAIL_H

#include "common/conf.h"
#include "deliver-local/serve.h"

const struct serve_hooks *system_mail_start(const struct conf *conf);
void system_mail_use(const struct conf *conf);

#endif
