/* SPDX-License-Identifier: ISC
 *
 * What the files of the conversion to 7 bits share.
 */
#ifndef POSTERN_DELIVER_REMOTE_OUTGOING_INTERNAL_H
#define POSTERN_DELIVER_REMOTE_OUTGOING_INTERNAL_H

#include "deliver-remote/outgoing-7bit.h"

enum {
	BOUNDARY_MAX = 70,   /* RFC 2046 §5.1.1 */
	BASE64_LINE = 57,    /* octets that make 76 characters (RFC 2045 §6.8) */
	BOUNDARY_LINE = 256, /* so much of a body's line is looked at */
};

enum edit_kind {
	EDIT_TEXT, /* `text` instead of what was there */
	EDIT_QUOTED,
	EDIT_BASE64,
};

struct edit {
	uint64_t start, end; /* octets of the content */
	enum edit_kind kind;
	size_t order; /* of those with the same start */
	size_t text, text_n;
};

enum part_kind {
	PART_TEXT,
	PART_OTHER,
	PART_OPAQUE, /* cannot be encoded: message/..., or not understood */
	PART_MULTIPART,
};

struct content_type {
	enum part_kind kind;
	bool is_signed, is_digest;
	uint8_t boundary_n;
	char boundary[BOUNDARY_MAX];
};

enum part_encoding {
	ENCODING_NONE,
	ENCODING_7BIT,
	ENCODING_8BIT, /* or binary */
	ENCODING_OTHER,
};

struct level {
	bool is_signed, is_digest;
	uint8_t boundary_n;
	char boundary[BOUNDARY_MAX];
};

/* The part under way: from the start of its header to the end of its body. */
struct part {
	bool is_root, is_signed;
	bool has_type, has_version;
	bool no_blank; /* its body begins with a line that should have been a field */
	bool eight_bit;
	struct content_type type;
	enum part_encoding encoding;
	uint64_t encoding_start, encoding_end; /* the field */
	uint64_t header_end, body_start;
};

enum look { LOOK_HEADER, LOOK_BODY, LOOK_OUTSIDE };

struct encoder {
	unsigned column;
	bool cr;
	uint8_t blank; /* 0 for none */
	bool lines;    /* a line of base64 was written */
	uint8_t carry_n;
	uint8_t carry[BASE64_LINE];
};

struct seven_bit {
	bool failed;
	struct edit *edits;
	size_t count, cap;
	struct buf text;

	/* First pass. */
	enum look look;
	struct level levels[SEVEN_DEPTH_MAX];
	size_t depth;
	struct part part;
	uint64_t at, line_start, before_end; /* where the line end before the line begins */
	uint64_t line_n;
	bool line_eight;
	uint8_t before_lf;
	struct buf line; /* its start */
	uint64_t field_start;
	bool field_open, field_cut, field_eight;
	struct buf field;

	/* Second pass. */
	size_t next;
	struct encoder encoder;
};

/* outgoing-field.c */
/* `value` is what stands behind the colon, folding and comments included. */
void content_type_parse(struct str value, struct content_type *out);
enum part_encoding content_encoding_parse(struct str value);
/* A whole field with the words that have octets above 127 as RFC 2047 has them. */
bool encode_words(struct str field, struct buf *out);

#endif
