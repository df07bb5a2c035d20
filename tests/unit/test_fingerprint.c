/* SPDX-License-Identifier: ISC */
#include "common/fingerprint.h"
#include "tests/unit/unit.h"

/* 0x01, 0x02, ... */
#define BARE "0102030405060708090a0b0c0d0e0F101112131415161718191A1b1c1d1e1f20"
#define COLONS                                                                                     \
	"01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0F:10:11:12:13:14:15:16:17:18:19:1A:1b:1c:1d:"  \
	"1e:1f:20"

static const char *good[] = {BARE, COLONS, "sha256 Fingerprint=" COLONS, "SHA256 Fingerprint=" COLONS,
    "  sha256\t fingerPRINT=" BARE " "};

START_TEST(as_tools_print_it)
{
	uint8_t sha256[FINGERPRINT_SIZE];
	ck_assert(fingerprint_parse(str_from_cstr(good[_i]), sha256));
	for (size_t i = 0; i < FINGERPRINT_SIZE; i++)
		ck_assert_uint_eq(sha256[i], i + 1);
}
END_TEST

/* Less a trailing blank, which may be missing. */
START_TEST(no_prefix_is_one)
{
	uint8_t sha256[FINGERPRINT_SIZE];
	struct str whole = str_trim(str_from_cstr(good[_i]));
	for (size_t cut = 0; cut < whole.n; cut++) {
		struct str in = unit_copy(str_head(whole, cut));
		ck_assert(!fingerprint_parse(in, sha256));
		unit_free(in);
	}
}
END_TEST

static const char *bad[] = {COLONS ":", ":" COLONS, BARE "0", "x" BARE, BARE "\n",
    "sha256 " BARE, "fingerprint=" BARE, "sha1 Fingerprint=" COLONS, "sha256 Fingerprint= " BARE,
    "sha256 Fingerprint=sha256 Fingerprint=" BARE,
    "010:2:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0F:10:11:12:13:14:15:16:17:18:19:1A:1b:1c:1d:1e:1f:20",
    "0g02030405060708090a0b0c0d0e0F101112131415161718191A1b1c1d1e1f20",
    "g102030405060708090a0b0c0d0e0F101112131415161718191A1b1c1d1e1f20"};

START_TEST(what_is_none)
{
	uint8_t sha256[FINGERPRINT_SIZE];
	ck_assert(!fingerprint_parse(str_from_cstr(bad[_i]), sha256));
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("fingerprint");
	tcase_add_loop_test(tcase, as_tools_print_it, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, no_prefix_is_one, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, what_is_none, 0, sizeof(bad) / sizeof(bad[0]));
	return unit_run_case("fingerprint", tcase);
}
