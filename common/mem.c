/* SPDX-License-Identifier: ISC */
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *or_die(void *p)
{
	if (p == NULL) {
		static const char text[] = "out of memory\n";
		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_exit(EXIT_OUT_OF_MEMORY);
		_exit(EXIT_OUT_OF_MEMORY);
	}
	return p;
}

void *xmalloc(size_t n)
{
	return or_die(malloc(n == 0 ? 1 : n));
}

void *xcalloc(size_t count, size_t n)
{
	return or_die(calloc(count == 0 ? 1 : count, n == 0 ? 1 : n));
}

void *xreallocarray(void *p, size_t count, size_t n)
{
	return or_die(reallocarray(p, count, n));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xasprintf(const char *format, ...)
{
	va_list ap;
	char *s;
	va_start(ap, format);
	int n = vasprintf(&s, format, ap);
	va_end(ap);
	return or_die(n < 0 ? NULL : s);
}
