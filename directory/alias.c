/* SPDX-License-Identifier: ISC */
#include "directory/alias.h"

/* Longest text of each kind. */
static const uint16_t text_max[] = {
    [ALIAS_ADDRESS] = ADDRESS_MAX,
    [ALIAS_LOCAL_PART] = LOCAL_PART_MAX,
    [ALIAS_DOMAIN] = DOMAIN_MAX,
    [ALIAS_DISCARD] = 0,
    [ALIAS_REFUSE] = REASON_MAX,
};

bool alias_put(struct buf *b, const struct alias_target *targets, size_t count)
{
	struct wire_writer w = {.buf = b};
	wire_put_count(&w, count, EXPANSION_MAX);
	for (size_t i = 0; i < count; i++) {
		wire_put_u8(&w, (uint8_t)targets[i].kind);
		wire_put_str(&w, targets[i].text, text_max[targets[i].kind]);
	}
	return !w.failed;
}

static void get_target(struct wire_reader *r, size_t count, struct alias_target *t)
{
	uint8_t kind = wire_get_u8(r);
	if (kind < ALIAS_ADDRESS || kind > ALIAS_REFUSE) {
		r->failed = true;
		return;
	}
	t->kind = (enum alias_kind)kind;
	t->text = wire_get_str(r, text_max[kind]);
	bool empty = t->text.n == 0;
	bool may_be_empty = kind == ALIAS_DISCARD || kind == ALIAS_REFUSE;
	bool alone = kind != ALIAS_ADDRESS && kind != ALIAS_LOCAL_PART;
	if ((empty && !may_be_empty) || (alone && count != 1))
		r->failed = true;
}

bool alias_get(struct str value, struct pool *pool, struct alias_target **targets, size_t *count)
{
	struct wire_reader r = {.p = (const uint8_t *)value.p, .n = value.n, .pool = pool};
	*targets = wire_get_list(&r, EXPANSION_MAX, sizeof(**targets), count);
	for (size_t i = 0; i < *count && !r.failed; i++)
		get_target(&r, *count, &(*targets)[i]);
	return wire_reader_done(&r) && *count > 0;
}
