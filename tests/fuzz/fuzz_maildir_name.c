/* SPDX-License-Identifier: ISC
 *
 * Names of Maildir files: what they say, and the unique ids made of them.
 */
#include "deliver-local/maildir-name.h"
#include "pop3d/maildir-entry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool fine)
{
	if (!fine)
		abort();
}

/* A name that deliver-local makes must say what it was made of. */
static void round_trip(struct str host, uint64_t number)
{
	struct maildir_name name;
	struct maildir_entry e;
	char sized[MAILDIR_NAME_SIZE];
	maildir_name_format(
	    &name, &(struct maildir_delivery){.arrival = (number & UINT32_MAX) * 1000,
		       .spool = (uint32_t)number,
		       .id = number,
		       .number = (uint16_t)number,
		       .hostname = host});
	maildir_name_sized(&name, number, number >> 1, sized);
	check(maildir_entry_parse(str_from_cstr(sized), &e));
	check(e.time == (number & UINT32_MAX));
	check(e.has_crlf_size && e.crlf_size == number >> 1);
	check(str_eq(e.unique, str_from(name.unique, name.unique_n)));
	check(maildir_name_matches(&name, sized));
	check(strpbrk(sized, "/:") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maildir_entry e;
	char space[UIDL_MAX];
	struct str name = str_from(data, size);
	if (maildir_entry_parse(name, &e)) {
		check(e.unique.n > 0 && e.unique.p == name.p && e.unique.n <= name.n);
		struct str uidl = maildir_entry_uidl(e.unique, space);
		check(uidl.n > 0 && uidl.n <= UIDL_MAX);
		for (size_t i = 0; i < uidl.n; i++)
			check(uidl.p[i] >= '!' && uidl.p[i] <= '~');
	}
	uint64_t number = 0;
	for (size_t i = 0; i < size && i < 7; i++)
		number = number << 8 | data[i];
	round_trip(name, number >> 1);
	return 0;
}
