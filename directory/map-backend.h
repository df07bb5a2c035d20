/* SPDX-License-Identifier: ISC
 *
 * What a format of compiled tables must do. A new one is a row of map.c and of
 * map-build.c.
 */
#ifndef POSTERN_DIRECTORY_MAP_BACKEND_H
#define POSTERN_DIRECTORY_MAP_BACKEND_H

#include "common/buf.h"
#include "directory/map.h"

struct map_backend {
	const char *suffix;
	/* A handle on the file open at `fd`, which stays the caller's and open; NULL: not of this
	 * format, or damaged. */
	void *(*open)(int fd, bool in_memory);
	void (*close)(void *handle);
	enum lookup_result (*get)(
	    void *handle, struct str key, struct pool *pool, struct str *value);
	bool (*each)(void *handle, map_each_fn *fn, void *ctx);
};

struct map_maker {
	/* A fresh file that is not there yet, for its owner's eyes only; NULL with errno. */
	void *(*create)(const char *path);
	/* In the order of the keys; errno on false. */
	bool (*put)(void *handle, struct str key, struct str value);
	/* All octets are handed to the kernel; errno on false. Frees the handle in any case. */
	bool (*finish)(void *handle);
};

extern const struct map_backend map_bdb;
extern const struct map_maker map_bdb_maker;

/* The record of facts: its key, and its value. */
#define MAP_FACTS_KEY STR("\0postern")
void map_facts_put(struct buf *b, const struct map_facts *facts);
bool map_facts_get(struct str value, struct map_facts *out);

#endif
