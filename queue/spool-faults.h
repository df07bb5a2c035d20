/* SPDX-License-Identifier: ISC
 *
 * What is wrong with a spool, said once per fault, and the bytes set aside.
 */
#ifndef POSTERN_SPOOL_FAULTS_H
#define POSTERN_SPOOL_FAULTS_H

#include "queue/spool-io.h"

struct spool_faults {
	struct spool_io *io;
	bool set_aside; /* false: only look */
	void (*on_fault)(void *ctx, const char *text);
	void *ctx;
	unsigned count;
};

/* The format may hold no bytes of unknown origin. */
void spool_faults_say(struct spool_faults *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Octets of a segment that do not check. */
void spool_faults_bytes(struct spool_faults *f, uint32_t slot, uint64_t sequence, uint32_t offset,
    const uint8_t *p, size_t n, const char *what);
/* Keeps octets without calling them a fault; writes where to `name`, at most 64 octets. */
void spool_faults_keep(struct spool_faults *f, uint32_t slot, uint64_t sequence, uint32_t offset,
    const uint8_t *p, size_t n, char *name);
/* A file that does not belong there: moved to damaged/. */
void spool_faults_file(struct spool_faults *f, enum spool_dir dir, const char *name, const char *what);

#endif
