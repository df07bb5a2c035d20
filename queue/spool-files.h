/* SPDX-License-Identifier: ISC
 *
 * Segments opened for reading by the event loop: a few are kept open.
 */
#ifndef POSTERN_SPOOL_FILES_H
#define POSTERN_SPOOL_FILES_H

#include "queue/spool-io.h"

enum { SPOOL_FILES_KEPT = 32 };

struct spool_files {
	struct spool_io *io;
	struct {
		int fd_plus_one; /* 0: none */
		uint32_t slot;
	} kept[SPOOL_FILES_KEPT];
};

/* The cache's descriptor, or -1 with errno. */
int spool_files_get(struct spool_files *f, uint32_t slot);
/* The slot's file may be another one now. */
void spool_files_forget(struct spool_files *f, uint32_t slot);
void spool_files_reset(struct spool_files *f);

#endif
