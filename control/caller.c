/* SPDX-License-Identifier: ISC */
#include "control/caller.h"
#include "common/phrase.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

void caller_find(struct caller *c)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *name = getenv("NAME");
	*c = (struct caller){.login = BUF_INIT(256), .name = BUF_INIT(1024)};
	if (pw == NULL)
		buf_printf(&c->login, "uid%u", (unsigned)getuid());
	else
		buf_printf(&c->login, "%s", pw->pw_name);
	if (name != NULL)
		buf_printf(&c->name, "%s", name);
	else if (pw != NULL && pw->pw_gecos != NULL)
		phrase_from_gecos(&c->name, str_from_cstr(pw->pw_gecos), buf_str(&c->login));
}

void caller_release(struct caller *c)
{
	buf_release(&c->login);
	buf_release(&c->name);
}
