/* SPDX-License-Identifier: ISC */
#include "directory/map-seal.h"
#include "common/hash.h"
#include "common/wire.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* One page of Berkeley DB, which wants files to be whole pages and ignores those it does not
 * know of. */
enum { SEAL_SIZE = 4096, CHUNK = 64 * 1024 };

#define MAGIC STR("Postern table, whole\n")

static bool read_exactly(int fd, uint8_t *p, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t got = pread(fd, p, n, at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return false;
		}
		p += got;
		n -= (size_t)got;
		at += got;
	}
	return true;
}

/* Each chunk's SipHash is keyed with its place and the hash of all before it. */
static bool digest(int fd, off_t size, uint64_t *out)
{
	uint8_t chunk[CHUNK];
	uint64_t key[2] = {0, 0};
	for (off_t at = 0; at < size; at += CHUNK) {
		size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
		if (!read_exactly(fd, chunk, n, at))
			return false;
		key[0] = siphash24((const uint8_t *)key, chunk, n);
		key[1]++;
	}
	*out = key[0];
	return true;
}

static bool make_seal(int fd, off_t size, uint8_t out[SEAL_SIZE])
{
	struct buf b = BUF_INIT(SEAL_SIZE);
	struct wire_writer w = {.buf = &b};
	uint64_t d;
	if (!digest(fd, size, &d))
		return false;
	wire_put_str(&w, MAGIC, MAGIC.n);
	wire_put_u64(&w, (uint64_t)size);
	wire_put_u64(&w, d);
	memset(out, 0, SEAL_SIZE);
	memcpy(out, b.p, b.end);
	buf_release(&b);
	return true;
}

bool map_seal_put(int fd)
{
	uint8_t seal[SEAL_SIZE];
	struct stat st;
	if (fstat(fd, &st) < 0 || !make_seal(fd, st.st_size, seal))
		return false;
	size_t done = 0;
	while (done < SEAL_SIZE) {
		ssize_t n = pwrite(fd, seal + done, SEAL_SIZE - done, st.st_size + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

bool map_seal_is_whole(int fd)
{
	uint8_t seal[SEAL_SIZE], found[SEAL_SIZE];
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size < SEAL_SIZE)
		return false;
	off_t size = st.st_size - SEAL_SIZE;
	/* The cheap look first. */
	return read_exactly(fd, found, SEAL_SIZE, size) &&
	       memcmp(found + 4, MAGIC.p, MAGIC.n) == 0 && make_seal(fd, size, seal) &&
	       memcmp(found, seal, SEAL_SIZE) == 0;
}
