/* SPDX-License-Identifier: ISC */
#include "tests/unit/scratch.h"
#include "common/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];
static int root = -1;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(2);
}

int scratch_open(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(path, sizeof(path), "%s/postern-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	must(mkdtemp(path) != NULL, "mkdtemp");
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(root >= 0, path);
	return root;
}

const char *scratch_path(void)
{
	return path;
}

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(name);
}

void scratch_close(void)
{
	close(root);
	root = -1;
	must(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, path);
}

void scratch_mkdir(const char *name)
{
	must(mkdirat(root, name, 0700) == 0, name);
}

void scratch_write(const char *name, struct str text)
{
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0, name);
	must(write(fd, text.p, text.n) == (ssize_t)text.n, name);
	close(fd);
}

char *scratch_read(const char *name, size_t *n)
{
	struct stat st;
	int fd = openat(root, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	must(fstat(fd, &st) == 0, name);
	char *text = xmalloc((size_t)st.st_size + 1);
	must(read(fd, text, (size_t)st.st_size) == st.st_size, name);
	text[st.st_size] = '\0';
	*n = (size_t)st.st_size;
	close(fd);
	return text;
}

size_t scratch_count(const char *name, char *only)
{
	size_t n = 0;
	int fd = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	DIR *dir = fdopendir(fd);
	must(dir != NULL, name);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (only != NULL)
			snprintf(only, 256, "%s", e->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

bool scratch_exists(const char *name)
{
	struct stat st;
	return fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
