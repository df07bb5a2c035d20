/* SPDX-License-Identifier: ISC */
#include "directory/faults.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdlib.h>

enum { SHOWN_MAX = 120 };

static void add(struct faults *f, struct fault fault)
{
	if (f->count == f->cap) {
		f->cap = f->cap == 0 ? 16 : f->cap * 2;
		f->list = xreallocarray(f->list, f->cap, sizeof(*f->list));
	}
	f->list[f->count++] = fault;
}

static char *format_text(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));
static char *format_text(const char *format, va_list ap)
{
	char *s;
	return vasprintf(&s, format, ap) < 0 ? xstrdup("(out of memory)") : s;
}

void faults_add(struct faults *f, const char *file, unsigned line, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	add(f, (struct fault){.file = file, .line = line, .text = format_text(format, ap)});
	va_end(ap);
	f->errors++;
}

void faults_warn(struct faults *f, const char *file, unsigned line, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	add(f, (struct fault){
		   .file = file, .line = line, .warning = true, .text = format_text(format, ap)});
	va_end(ap);
}

static int compare(const void *a, const void *b)
{
	const struct fault *x = a, *y = b;
	int by_file = strcmp(x->file, y->file);
	if (by_file != 0)
		return by_file;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void sort(struct faults *f)
{
	if (f->count > 0)
		qsort(f->list, f->count, sizeof(*f->list), compare);
}

static void print(const struct fault *e, FILE *out)
{
	fprintf(out, "%s:", e->file);
	if (e->line > 0)
		fprintf(out, "%u:", e->line);
	fprintf(out, " %s%s\n", e->warning ? "warning: " : "", e->text);
}

void faults_print(struct faults *f, FILE *out)
{
	sort(f);
	for (size_t i = 0; i < f->count; i++)
		print(&f->list[i], out);
}

void faults_print_errors(struct faults *f, size_t max, FILE *out)
{
	size_t printed = 0;
	sort(f);
	for (size_t i = 0; i < f->count && printed < max; i++)
		if (!f->list[i].warning) {
			print(&f->list[i], out);
			printed++;
		}
	if (f->errors > printed)
		fprintf(out, "... and %zu more; `postern check` prints all\n", f->errors - printed);
}

void faults_free(struct faults *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->list[i].text);
	free(f->list);
	*f = (struct faults){0};
}

struct fault_text fault_text(struct str s)
{
	static const char hex[] = "0123456789abcdef";
	struct fault_text t;
	size_t n = 0;
	for (size_t i = 0; i < s.n && i < SHOWN_MAX; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= ' ' && c != 127) { /* UTF-8 stays readable */
			t.s[n++] = (char)c;
			continue;
		}
		t.s[n++] = '\\';
		t.s[n++] = 'x';
		t.s[n++] = hex[c >> 4];
		t.s[n++] = hex[c & 15];
	}
	memcpy(t.s + n, s.n > SHOWN_MAX ? "..." : "", s.n > SHOWN_MAX ? 4 : 1);
	return t;
}
