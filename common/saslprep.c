/* SPDX-License-Identifier: ISC
 *
 * libidn is given nothing that is not UTF-8, and a buffer of ours to work in, which is wiped. It
 * makes copies of its own for the normalisation (NFKC), and frees them as they are: so what is
 * ASCII, as most passwords are, never goes there. It takes less than half a millisecond for the
 * worst of 1024 octets.
 *
 * Invariant: the mapping only shortens, and each code point of the result takes an octet at
 * least, so that WORK_MAX code points suffice for all that fits `out`.
 */
#include "common/saslprep.h"
#include "common/utf8.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <stringprep.h>

enum { WORK_MAX = SASLPREP_MAX + 1 }; /* stringprep_4i() wants room for a zero */

static const char too_long[] = "is too long once it is in the form that programs agree on";

static const char *name_fault(int code)
{
	switch (code) {
	case STRINGPREP_CONTAINS_UNASSIGNED:
		return "has a character newer than Unicode 3.2 (an emoji, say), which programs "
		       "with SCRAM refuse to send (RFC 5802 §2.2): use letters, digits and older "
		       "signs";
	case STRINGPREP_CONTAINS_PROHIBITED:
	case STRINGPREP_BIDI_CONTAINS_PROHIBITED:
		return "has a control character, or another that SASLprep (RFC 4013) does not "
		       "allow";
	case STRINGPREP_BIDI_BOTH_L_AND_RAL:
	case STRINGPREP_BIDI_LEADTRAIL_NOT_RAL:
		return "mixes letters that are written from right to left with others, or does not "
		       "begin and end with one of them (RFC 3454 §6)";
	case STRINGPREP_TOO_SMALL_BUFFER:
		return too_long;
	default:
		return "cannot be normalised";
	}
}

/* C.2.1. libidn would take a NUL for the end. */
static bool has_control(struct str in)
{
	for (size_t i = 0; i < in.n; i++)
		if ((unsigned char)in.p[i] < ' ' || in.p[i] == 0x7f)
			return true;
	return false;
}

static size_t decode(struct str in, uint32_t *code)
{
	size_t count = 0, n;
	for (; in.n > 0; in = str_skip(in, n))
		n = utf8_decode(in, &code[count++]);
	return count;
}

static const char *encode(const uint32_t *code, size_t count, struct saslprep *out)
{
	size_t n;
	char *text = stringprep_ucs4_to_utf8(code, (ssize_t)count, NULL, &n);
	if (text == NULL)
		return name_fault(STRINGPREP_NFKC_FAILED);
	bool fits = n <= sizeof(out->text);
	if (fits)
		memcpy(out->text, text, n);
	out->n = fits ? n : 0;
	OPENSSL_cleanse(text, n);
	free(text);
	return fits ? NULL : too_long;
}

static const char *make_other(struct str in, Stringprep_profile_flags flags, struct saslprep *out)
{
	uint32_t code[WORK_MAX];
	size_t count = decode(in, code);
	int status = stringprep_4i(code, &count, WORK_MAX, flags, stringprep_saslprep);
	const char *why = status == STRINGPREP_OK ? encode(code, count, out) : name_fault(status);
	OPENSSL_cleanse(code, sizeof(code));
	return why;
}

const char *saslprep_make(struct str in, enum saslprep_use use, struct saslprep *out)
{
	out->n = 0;
	if (in.n == 0)
		return "is empty";
	if (in.n > SASLPREP_MAX)
		return "is longer than 1024 octets";
	if (!utf8_is_valid(in))
		return "is not UTF-8: is the terminal set to another character set?";
	if (has_control(in))
		return name_fault(STRINGPREP_CONTAINS_PROHIBITED);
	if (utf8_is_ascii(in)) {
		memcpy(out->text, in.p, in.n);
		out->n = in.n;
		return NULL;
	}
	const char *why =
	    make_other(in, use == SASLPREP_STORED ? STRINGPREP_NO_UNASSIGNED : 0, out);
	if (why == NULL && out->n == 0)
		why = "has nothing but characters that do not count";
	return why;
}
