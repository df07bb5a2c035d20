/* SPDX-License-Identifier: ISC */
#include "common/saslprep.h"
#include "tests/unit/unit.h"

static const char *make(struct str in, enum saslprep_use use, struct saslprep *out)
{
	struct str copy = unit_copy(in);
	const char *why = saslprep_make(copy, use, out);
	unit_free(copy);
	return why;
}

static const struct {
	struct str in, out;
} prepared[] = {
    /* RFC 4013 §3 */
    {STR("I\xc2\xadX"), STR("IX")},
    {STR("user"), STR("user")},
    {STR("USER"), STR("USER")},
    {STR("\xc2\xaa"), STR("a")},
    {STR("\xe2\x85\xa8"), STR("IX")},
    /* Composed and not, as files and keyboards have it. */
    {STR("p\xc3\xa4ssw\xc3\xb6rd \xc2\xa9"), STR("p\xc3\xa4ssw\xc3\xb6rd \xc2\xa9")},
    {STR("pa\xcc\x88sswo\xcc\x88rd\xc2\xa0\xc2\xa9"), STR("p\xc3\xa4ssw\xc3\xb6rd \xc2\xa9")},
    {STR("\xef\xac\x81n"), STR("fin")},
    {STR("\xe2\x84\xab"), STR("\xc3\x85")},
    /* Spaces of every kind, also at the ends, and what counts for nothing. */
    {STR(" a\xe3\x80\x80"), STR(" a ")},
    {STR("a\xe2\x80\x8d"
	 "b"),
	STR("ab")},
    /* From right to left. */
    {STR("\xd7\x90\xd7\x91"), STR("\xd7\x90\xd7\x91")},
    {STR("\xd8\xa7"
	 "1"
	 "\xd8\xa8"),
	STR("\xd8\xa7"
	    "1"
	    "\xd8\xa8")},
    {STR(" ~"), STR(" ~")},
};

START_TEST(one_form_for_all)
{
	for (size_t i = 0; i < sizeof(prepared) / sizeof(prepared[0]); i++)
		for (int use = SASLPREP_STORED; use <= SASLPREP_QUERY; use++) {
			struct saslprep out, again;
			ck_assert_ptr_null(make(prepared[i].in, (enum saslprep_use)use, &out));
			ck_assert_str(saslprep_str(&out), prepared[i].out);
			ck_assert_ptr_null(make(saslprep_str(&out), SASLPREP_STORED, &again));
			ck_assert_str(saslprep_str(&again), prepared[i].out);
		}
}
END_TEST

static const struct {
	struct str in;
	const char *says;
} refused[] = {
    {STR(""), "is empty"},
    {STR("\x07"), "control character"}, /* RFC 4013 §3 */
    {STR("\xd8\xa7"
	 "1"),
	"right to left"},
    {STR("a\xd7\x90"), "right to left"},
    {STR("\xd7\x90"
	 "a\xd7\x90"),
	"right to left"},
    {STR("a\tb"), "control character"},
    {STR("a\0b"), "control character"},
    {STR("a\x7f"), "control character"},
    {STR("\xc3\xa4\0"), "control character"},
    {STR("a\xc2\x85"), "control character"},
    {STR("a\xe2\x80\xae"), "control character"},
    {STR("\xef\xbf\xbd"), "does not allow"},	 /* U+FFFD */
    {STR("\xee\x80\x80"), "does not allow"},	 /* private use */
    {STR("\xf3\xa0\x80\x81"), "does not allow"}, /* tags */
    {STR("\xc2\xad\xe2\x80\x8d"), "do not count"},
    {STR("\xff"), "is not UTF-8"},
    {STR("p\xe4ss"), "is not UTF-8"},	   /* Latin-1 */
    {STR("\xed\xa0\x80"), "is not UTF-8"}, /* a surrogate */
    {STR("\xc0\x80"), "is not UTF-8"},
};

START_TEST(what_has_no_form)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		for (int use = SASLPREP_STORED; use <= SASLPREP_QUERY; use++) {
			struct saslprep out;
			const char *why = make(refused[i].in, (enum saslprep_use)use, &out);
			ck_assert_msg(why != NULL && strstr(why, refused[i].says) != NULL,
			    "row %zu: %s", i, why);
			ck_assert_uint_eq(out.n, 0);
		}
}
END_TEST

/* Unassigned in Unicode 3.2: an emoji, and a letter of 2005. */
START_TEST(newer_characters_may_be_asked_for_but_not_stored)
{
	static const struct str newer[] = {STR("a\xf0\x9f\x94\x91"), STR("\xe2\xb0\x80")};
	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
		struct saslprep out;
		const char *why = make(newer[i], SASLPREP_STORED, &out);
		ck_assert(why != NULL && strstr(why, "newer than Unicode 3.2") != NULL);
		ck_assert_ptr_null(make(newer[i], SASLPREP_QUERY, &out));
		ck_assert_str(saslprep_str(&out), newer[i]);
	}
}
END_TEST

/* U+FDFA, three octets, becomes eighteen letters of two octets, or spaces. */
START_TEST(lengths)
{
	char in[SASLPREP_MAX + 1];
	struct saslprep out;
	memset(in, 'p', sizeof(in));
	ck_assert_ptr_null(make(str_from(in, SASLPREP_MAX), SASLPREP_STORED, &out));
	ck_assert_str(saslprep_str(&out), str_from(in, SASLPREP_MAX));
	ck_assert_ptr_nonnull(make(str_from(in, SASLPREP_MAX + 1), SASLPREP_STORED, &out));
	for (size_t n = 0; n + 3 <= SASLPREP_MAX; n += 3) {
		memcpy(in + n, "\xef\xb7\xba", 3);
		const char *why = make(str_from(in, n + 3), SASLPREP_QUERY, &out);
		size_t octets = (n / 3 + 1) * 33;
		if (octets <= SASLPREP_MAX)
			ck_assert(why == NULL && out.n == octets);
		else
			ck_assert(why != NULL && strstr(why, "too long") != NULL);
	}
	/* As many code points as octets. */
	memset(in, 'p', SASLPREP_MAX);
	memcpy(in, "\xc3\xa4", 2);
	ck_assert_ptr_null(make(str_from(in, SASLPREP_MAX), SASLPREP_STORED, &out));
	ck_assert_uint_eq(out.n, SASLPREP_MAX);
}
END_TEST

/* Cut anywhere, it is another password, or none. */
START_TEST(every_prefix)
{
	for (size_t i = 0; i < sizeof(prepared) / sizeof(prepared[0]); i++)
		for (size_t n = 0; n < prepared[i].in.n; n++) {
			struct saslprep out, again;
			if (make(str_head(prepared[i].in, n), SASLPREP_QUERY, &out) != NULL)
				continue;
			ck_assert_ptr_null(make(saslprep_str(&out), SASLPREP_QUERY, &again));
			ck_assert_str(saslprep_str(&again), saslprep_str(&out));
		}
}
END_TEST

UNIT_MAIN("saslprep", one_form_for_all, what_has_no_form,
    newer_characters_may_be_asked_for_but_not_stored, lengths, every_prefix)
