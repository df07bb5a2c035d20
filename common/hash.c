/* SPDX-License-Identifier: ISC
 *
 * Open addressing with linear probing; removing shifts what follows back, so
 * there are no tombstones. Between an eighth and three quarters of the slots are
 * taken, once there are more than the fewest.
 */
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <sys/random.h>

enum { SLOTS_LEAST = 16 };

struct slot {
	uint64_t hash;
	void *entry; /* NULL: free */
};

struct hash {
	hash_key_fn *key_of;
	struct slot *slots;
	size_t size; /* a power of two */
	size_t count;
};

static uint8_t process_key[16];

/* Before main: neither the jail nor a second thread is there yet. */
__attribute__((constructor)) static void make_process_key(void)
{
	if (getrandom(process_key, sizeof(process_key), 0) != (ssize_t)sizeof(process_key))
		abort();
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v = 0;
	for (size_t i = 8; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static uint64_t rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
uint64_t siphash24(const uint8_t key[16], const void *p, size_t n)
{
	const uint8_t *in = p;
	uint64_t k0 = load64(key);
	uint64_t k1 = load64(key + 8);
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
	    k1 ^ 0x7465646279746573};
	uint64_t last = (uint64_t)n << 56;
	size_t whole = n / 8 * 8;
	for (size_t i = 0; i < whole; i += 8)
		sip_word(v, load64(in + i));
	for (size_t i = whole; i < n; i++)
		last |= (uint64_t)in[i] << 8 * (i - whole);
	sip_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const void *p, size_t n)
{
	return siphash24(process_key, p, n);
}

struct hash *hash_new(hash_key_fn *key_of)
{
	struct hash *h = xcalloc(1, sizeof(*h));
	h->key_of = key_of;
	return h;
}

void hash_free(struct hash *h)
{
	if (h == NULL)
		return;
	free(h->slots);
	free(h);
}

size_t hash_count(const struct hash *h)
{
	return h->count;
}

/* The slot of this key, or the free one where it would go. There is always a free slot. */
static struct slot *slot_for(const struct hash *h, struct str key, uint64_t hash)
{
	size_t i = hash & (h->size - 1);
	while (h->slots[i].entry != NULL &&
	       (h->slots[i].hash != hash || !str_eq(h->key_of(h->slots[i].entry), key)))
		i = (i + 1) & (h->size - 1);
	return &h->slots[i];
}

static void resize(struct hash *h, size_t size)
{
	struct slot *old = h->slots;
	size_t old_size = h->size;
	h->slots = xcalloc(size, sizeof(*h->slots));
	h->size = size;
	for (size_t k = 0; k < old_size; k++) {
		if (old[k].entry == NULL)
			continue;
		size_t i = old[k].hash & (size - 1);
		while (h->slots[i].entry != NULL)
			i = (i + 1) & (size - 1);
		h->slots[i] = old[k];
	}
	free(old);
}

void *hash_find(const struct hash *h, struct str key)
{
	return h->count == 0 ? NULL : slot_for(h, key, hash_bytes(key.p, key.n))->entry;
}

void *hash_put(struct hash *h, void *entry)
{
	if (h->count >= h->size - h->size / 4)
		resize(h, h->size == 0 ? SLOTS_LEAST : h->size * 2);
	struct str key = h->key_of(entry);
	uint64_t hash = hash_bytes(key.p, key.n);
	struct slot *slot = slot_for(h, key, hash);
	void *old = slot->entry;
	*slot = (struct slot){.hash = hash, .entry = entry};
	if (old == NULL)
		h->count++;
	return old;
}

/* Moves what was pushed past the now free slot i back, so that searches do not end there. */
static void close_gap(struct hash *h, size_t i)
{
	size_t mask = h->size - 1;
	for (size_t k = (i + 1) & mask; h->slots[k].entry != NULL; k = (k + 1) & mask) {
		size_t home = h->slots[k].hash & mask;
		if (((k - home) & mask) < ((k - i) & mask))
			continue;
		h->slots[i] = h->slots[k];
		h->slots[k].entry = NULL;
		i = k;
	}
}

void *hash_take(struct hash *h, struct str key)
{
	if (h->count == 0)
		return NULL;
	struct slot *slot = slot_for(h, key, hash_bytes(key.p, key.n));
	void *entry = slot->entry;
	if (entry == NULL)
		return NULL;
	slot->entry = NULL;
	h->count--;
	close_gap(h, (size_t)(slot - h->slots));
	if (h->size > SLOTS_LEAST && h->count < h->size / 8)
		resize(h, h->size / 2);
	return entry;
}

void hash_each(struct hash *h, void (*fn)(void *entry, void *ctx), void *ctx)
{
	for (size_t i = 0; i < h->size; i++)
		if (h->slots[i].entry != NULL)
			fn(h->slots[i].entry, ctx);
}

void hash_clear(struct hash *h)
{
	free(h->slots);
	h->slots = NULL;
	h->size = h->count = 0;
}
