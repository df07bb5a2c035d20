/* SPDX-License-Identifier: ISC */
#include "control/check-pam.h"

#include "common/mem.h"

#include <stdlib.h>
#include <sys/stat.h>

const char *const check_pam_directories[] = {"/etc/pam.d", "/usr/lib/pam.d", NULL};

bool check_pam(const char *const *directories, const char *conf_path, FILE *out)
{
	bool found = false;
	for (size_t i = 0; directories[i] != NULL && !found; i++) {
		struct stat st;
		char *path = xasprintf("%s/postern", directories[i]);
		found = stat(path, &st) == 0 && S_ISREG(st.st_mode);
		free(path);
	}
	if (!found)
		fprintf(out,
		    "%s: warning: system-users: there is no %s/postern, so PAM goes by what "
		    "\"other\" "
		    "there says, which may refuse everybody: copy the example postern.pam to it\n",
		    conf_path, directories[0]);
	return found;
}
