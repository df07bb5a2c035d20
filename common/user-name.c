/* SPDX-License-Identifier: ISC */
#include "common/user-name.h"
#include "common/limits.h"

bool user_name_is_sane(struct str name)
{
	if (name.n == 0 || name.n > USER_NAME_MAX || name.p[0] == '-' || name.p[0] == '.')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!ascii_is_alnum(c) && c != '_' && c != '-' && c != '.')
			return false;
	}
	return true;
}
