/* SPDX-License-Identifier: ISC
 *
 * CRC-32C (Castagnoli): by the processor where it can, else by table. Both give
 * the same; a value may be continued: crc(crc(0, a), b) = crc(0, ab).
 */
#ifndef POSTERN_SPOOL_CRC_H
#define POSTERN_SPOOL_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t spool_crc(uint32_t crc, const void *p, size_t n);
/* The table's way, for the test that both agree. */
uint32_t spool_crc_by_table(uint32_t crc, const void *p, size_t n);

#endif
