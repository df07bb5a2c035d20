/* SPDX-License-Identifier: ISC
 *
 * Part of the configuration (conf.h): the section system-users.
 */
#ifndef POSTERN_CONF_SYSTEM_H
#define POSTERN_CONF_SYSTEM_H

#include "common/conf-names.h"
#include "common/str.h"

/* Users of the machine, who get their mail as themselves. */
struct conf_system {
	struct conf_name_list domains; /* in lower case; empty: there are none */
	char *mailbox;		       /* below each home, as written: "~/Maildir" */
	unsigned uid_min, uid_max;
	bool pam; /* their passwords are PAM's to check; else they cannot log in */
};

struct conf;
/* Mail for this domain (in lower case) goes to users of the machine. */
bool conf_is_system_domain(const struct conf *conf, struct str domain);

#endif
