/* SPDX-License-Identifier: ISC
 *
 * A text either is a template, and then expands to what its words say, or has
 * faults that are told; words are never read as templates again.
 */
#include "queue/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_fault(void *ctx, unsigned line, const char *text)
{
	unsigned *faults = ctx;
	if (line == 0 || text[0] == '\0')
		abort();
	++*faults;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned faults = 0;
	struct buf out = BUF_INIT(1 << 20);
	struct str words[TEMPLATE_WORD_COUNT];
	struct template *t = template_parse(str_from(data, size), ABOUT_ANY, on_fault, &faults);
	if ((t == NULL) != (faults > 0))
		abort();
	for (size_t i = 0; i < TEMPLATE_WORD_COUNT; i++)
		words[i] = STR("${x");
	if (t != NULL) {
		size_t subject = template_subject(t).n;
		if (subject == 0 || subject > TEMPLATE_SUBJECT_MAX)
			abort();
		if (!template_expand(t, words, &out) || buf_len(&out) > size)
			abort();
	}
	template_free(t);
	buf_release(&out);
	return 0;
}
