/* SPDX-License-Identifier: ISC */
#include "queue/spool-record.h"
#include "queue/spool-bytes.h"
#include "queue/spool-crc.h"

enum {
	MAGIC = 0x50535452,	  /* PSTR */
	MAGIC_INDEXED = 0x50535449, /* PSTI */
	AT_TYPE = 4,
	AT_VERSION = 5,
	AT_FLAGS = 6,
	AT_LENGTH = 8,
	AT_SEQUENCE = 12,
	AT_BATCH = 16,
	AT_ID = 24,
	AT_HEAD = 32,
	AT_CRC = 36,
};

void spool_record_put(uint8_t *p, const struct spool_record *r)
{
	spool_bytes_put32(p, MAGIC);
	p[AT_TYPE] = r->type;
	p[AT_VERSION] = r->version;
	spool_bytes_put16(p + AT_FLAGS, r->flags);
	spool_bytes_put32(p + AT_LENGTH, r->length);
	spool_bytes_put32(p + AT_SEQUENCE, r->sequence);
	spool_bytes_put64(p + AT_BATCH, r->batch);
	spool_bytes_put64(p + AT_ID, r->id);
	spool_bytes_put32(p + AT_HEAD, r->head);
	spool_bytes_put32(p + AT_CRC, 0);
}

static bool get(const uint8_t *p, size_t n, uint32_t magic, struct spool_record *out)
{
	if (n < SPOOL_RECORD_SIZE || spool_bytes_get32(p) != magic ||
	    p[AT_VERSION] == 0 || p[AT_VERSION] > SPOOL_RECORD_VERSION)
		return false;
	*out = (struct spool_record){
	    .type = p[AT_TYPE],
	    .version = p[AT_VERSION],
	    .flags = spool_bytes_get16(p + AT_FLAGS),
	    .length = spool_bytes_get32(p + AT_LENGTH),
	    .sequence = spool_bytes_get32(p + AT_SEQUENCE),
	    .batch = spool_bytes_get64(p + AT_BATCH),
	    .id = spool_bytes_get64(p + AT_ID),
	    .head = spool_bytes_get32(p + AT_HEAD),
	};
	return out->length >= SPOOL_RECORD_SIZE && out->head <= out->length - SPOOL_RECORD_SIZE;
}

bool spool_record_get(const uint8_t *p, size_t n, struct spool_record *out)
{
	return get(p, n, MAGIC, out) && out->length <= n;
}

static uint32_t crc_of(uint32_t seed, const uint8_t *p, size_t n)
{
	uint32_t crc = spool_crc(seed, p, AT_CRC);
	return spool_crc(crc, p + SPOOL_RECORD_SIZE, n - SPOOL_RECORD_SIZE);
}

bool spool_record_check(uint32_t seed, const uint8_t *p, size_t n, struct spool_record *out)
{
	return spool_record_get(p, n, out) &&
	       spool_bytes_get32(p + AT_CRC) == crc_of(seed, p, out->length);
}

void spool_record_stamp(uint32_t seed, uint8_t *p, uint32_t sequence, uint64_t batch)
{
	spool_bytes_put32(p + AT_SEQUENCE, sequence);
	spool_bytes_put64(p + AT_BATCH, batch);
	spool_bytes_put32(p + AT_CRC, crc_of(seed, p, spool_bytes_get32(p + AT_LENGTH)));
}

bool spool_record_is_start(const uint8_t *p, size_t n, uint32_t sequence)
{
	return n >= SPOOL_RECORD_SIZE && spool_bytes_get32(p) == MAGIC &&
	       spool_bytes_get32(p + AT_SEQUENCE) == sequence;
}

void spool_record_disguise(uint8_t *p)
{
	spool_bytes_put32(p, MAGIC_INDEXED);
}

bool spool_record_get_disguised(const uint8_t *p, size_t n, struct spool_record *out)
{
	return get(p, n, MAGIC_INDEXED, out) && out->head <= n - SPOOL_RECORD_SIZE;
}
