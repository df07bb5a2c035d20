/* SPDX-License-Identifier: ISC
 *
 * The pages that control makes and workers map. Each is a memory file of its own, because the
 * kernel grants writing by file.
 */
#ifndef POSTERN_ADMISSION_INTERNAL_H
#define POSTERN_ADMISSION_INTERNAL_H

#include "common/admission.h"

#include <stdatomic.h>
#include <stdint.h>

enum { ADMISSION_FUNCTIONS = 2, ADMISSION_BUCKETS = 8192 };

#define ADMISSION_MAGIC UINT64_C(0x706f73746164320a)

/* Written by control alone. */
struct admission_rules {
	uint64_t magic;
	uint64_t workers;
	uint8_t keys[ADMISSION_FUNCTIONS][16];
	_Atomic uint64_t places; /* connections that one worker may have */
	_Atomic uint64_t lives[ADMISSION_WORKERS_MAX];
};

/* Written by its worker, and by control between two lives of that. */
struct admission_page {
	_Atomic uint32_t counts[ADMISSION_FUNCTIONS][ADMISSION_BUCKETS];
};

#endif
