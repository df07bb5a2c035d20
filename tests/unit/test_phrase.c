/* SPDX-License-Identifier: ISC */
#include "common/phrase.h"
#include "tests/unit/unit.h"


static const struct {
	const char *name, *out;
} names[] = {
    {"", ""},
    {"Ann", "Ann"},
    {"Ann Other", "Ann Other"},
    {"Ann O'Hara-Smith", "Ann O'Hara-Smith"},
    {"Dr. Other", "\"Dr. Other\""},
    {"Other, Ann", "\"Other, Ann\""},
    {"Ann \"X\" \\ Other", "\"Ann \\\"X\\\" \\\\ Other\""},
    {"a\r\nBcc: x", "\"a  Bcc: x\""},
    {"=?x?=", "\"=?x?=\""},
    {"J\xc3\xb6rg", "=?UTF-8?Q?J=C3=B6rg?="},
    {"J\xc3\xb6rg B.", "=?UTF-8?Q?J=C3=B6rg_B=2E?="},
    {"\xc3\xb6\r\nX", "=?UTF-8?Q?=C3=B6__X?="},
    /* two words, cut between characters; the limit counts what each byte might take */
    {"\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6",
	"=?UTF-8?Q?=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6=C3=B6?= "
	"=?UTF-8?Q?=C3=B6?="},
};

START_TEST(names_become_phrases)
{
	struct buf out = BUF_INIT(1024);
	ck_assert(phrase_put(&out, str_from_cstr(names[_i].name)));
	ck_assert_msg(
	    str_eq(buf_str(&out), str_from_cstr(names[_i].out)), "%.*s", STR_ARG(buf_str(&out)));
	buf_release(&out);
}
END_TEST

START_TEST(the_ceiling_is_kept)
{
	struct buf out = BUF_INIT(8);
	ck_assert(!phrase_put(&out, STR("J\xc3\xb6rg")));
	ck_assert(!phrase_put(&out, STR("a, long, name")));
	buf_release(&out);
}
END_TEST

static const struct {
	const char *gecos, *login, *name;
} entries[] = {
    {"", "ann", ""},
    {"Ann Other", "ann", "Ann Other"},
    {"Ann Other,Room 1,555", "ann", "Ann Other"},
    {"& Other,,,", "ann", "Ann Other"},
    {"&", "", "&"},
    {"Charlie &", "root", "Charlie Root"},
};

START_TEST(names_of_the_password_file)
{
	struct buf out = BUF_INIT(1024);
	ck_assert(phrase_from_gecos(
	    &out, str_from_cstr(entries[_i].gecos), str_from_cstr(entries[_i].login)));
	ck_assert_msg(
	    str_eq(buf_str(&out), str_from_cstr(entries[_i].name)), "%.*s", STR_ARG(buf_str(&out)));
	buf_release(&out);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("phrase");
	tcase_add_loop_test(tc, names_become_phrases, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_loop_test(
	    tc, names_of_the_password_file, 0, sizeof(entries) / sizeof(entries[0]));
	tcase_add_test(tc, the_ceiling_is_kept);
	return unit_run_case("phrase", tc);
}
