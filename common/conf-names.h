/* SPDX-License-Identifier: ISC
 *
 * Part of the configuration (conf.h).
 */
#ifndef POSTERN_CONF_NAMES_H
#define POSTERN_CONF_NAMES_H

#include <stddef.h>

struct conf_name_list {
	char **list;
	size_t count;
};

#endif
