/* SPDX-License-Identifier: ISC */
#include "directory/rules.h"
#include "directory/table.h"

bool rules_from_conf(const struct conf *conf, struct pool *pool, struct expand_rules *out)
{
	const struct str delimiters = str_from_cstr(conf->recipient_delimiter);
	const char *why;
	*out = (struct expand_rules){.conf = conf};
	if (!pool_copy(pool, delimiters, &out->delimiters))
		out->delimiters = (struct str){NULL, 0};
	if (conf->postmaster == NULL || conf->postmaster[0] == '\0')
		return true;
	if (table_read_address(str_from_cstr(conf->postmaster), pool, &out->postmaster, &why))
		return true;
	out->postmaster = (struct str){NULL, 0};
	return false;
}
