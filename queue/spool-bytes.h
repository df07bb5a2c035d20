/* SPDX-License-Identifier: ISC
 *
 * Big-endian integers at fixed places: the headers of the spool's files.
 */
#ifndef POSTERN_SPOOL_BYTES_H
#define POSTERN_SPOOL_BYTES_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t spool_bytes_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t spool_bytes_get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}
static inline uint64_t spool_bytes_get64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}
static inline void spool_bytes_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static inline void spool_bytes_put32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}
static inline void spool_bytes_put64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}
/* n rounded up to a multiple of `to`, a power of two. */
static inline size_t spool_bytes_round(size_t n, size_t to)
{
	return (n + to - 1) & ~(to - 1);
}

#endif
