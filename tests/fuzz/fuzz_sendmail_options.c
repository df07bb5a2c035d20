/* SPDX-License-Identifier: ISC
 *
 * Any command line, words ended by NUL, the first being the program's name: what is
 * taken of it points into it, and it is refused with words or not at all.
 */
#include "control/sendmail-options.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { ARGS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(const char *value, const char *from, size_t n)
{
	if (value != NULL && (value < from || value > from + n))
		abort();
}

static void check(const struct sendmail_options *o, int status, char **argv, int argc)
{
	if (status != EX_OK && status != EX_USAGE)
		abort();
	if ((status == EX_USAGE) != (o->why[0] != '\0'))
		abort();
	if (status != EX_OK)
		return;
	if (o->recipient_count > (size_t)argc ||
	    (o->recipient_count > 0 &&
		(o->recipients < argv || o->recipients + o->recipient_count != argv + argc)))
		abort();
	if ((o->notify & NOTIFY_NEVER) != 0 && o->notify != NOTIFY_NEVER)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sendmail_options o;
	char *argv[ARGS_MAX + 1];
	int argc = 0;
	char *text = malloc(size + 1);
	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t at = 0; at <= size && argc < ARGS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	argv[argc] = NULL;
	int status = sendmail_options_parse(&o, argc, argv);
	check(&o, status, argv, argc);
	const char *const values[] = {o.sender, o.full_name, o.conf_path, o.envid};
	for (size_t i = 0; status == EX_OK && i < sizeof(values) / sizeof(values[0]); i++)
		check_within(values[i], text, size);
	free(text);
	return 0;
}
