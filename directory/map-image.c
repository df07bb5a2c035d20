/* SPDX-License-Identifier: ISC */
#include "directory/map-image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

static bool copy(int from, int to, off_t size)
{
	uint8_t chunk[64 * 1024];
	off_t at = 0;
	while (at < size) {
		size_t want =
		    size - at < (off_t)sizeof(chunk) ? (size_t)(size - at) : sizeof(chunk);
		ssize_t n = pread(from, chunk, want, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !write_all(to, chunk, (size_t)n))
			return false;
		at += n;
	}
	return true;
}

int map_image_copy(int fd, off_t size)
{
	int image = memfd_create("postern-table", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (image < 0)
		return -1;
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	if (copy(fd, image, size) && fcntl(image, F_ADD_SEALS, seals) == 0)
		return image;
	int saved = errno;
	close(image);
	errno = saved;
	return -1;
}
