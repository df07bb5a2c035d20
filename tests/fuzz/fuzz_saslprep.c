/* SPDX-License-Identifier: ISC
 *
 * What SASLprep makes is UTF-8 without control characters and not empty; what may be stored is
 * the same when it is asked for, and ASCII is never changed.
 */
#include "common/saslprep.h"
#include "common/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
	if (!fine)
		abort();
}

static void check_form(struct str in, const struct saslprep *form)
{
	struct str text = saslprep_str(form);
	check(text.n > 0 && text.n <= SASLPREP_MAX && utf8_is_valid(text));
	check(!utf8_is_ascii(in) || str_eq(in, text));
	for (size_t i = 0; i < text.n; i++)
		check((unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_from(data, size);
	struct saslprep stored, query;
	const char *no_store = saslprep_make(in, SASLPREP_STORED, &stored);
	const char *no_query = saslprep_make(in, SASLPREP_QUERY, &query);
	check(no_store != NULL || no_query == NULL);
	check(no_query == NULL ? utf8_is_valid(in) : query.n == 0);
	if (no_query == NULL)
		check_form(in, &query);
	if (no_store == NULL)
		check(str_eq(saslprep_str(&stored), saslprep_str(&query)));
	return 0;
}
