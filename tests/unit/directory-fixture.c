/* SPDX-License-Identifier: ISC */
#include "tests/unit/directory-fixture.h"
#include "common/mem.h"
#include "directory/password.h"

#include <check.h>
#include <crypt.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *fixture_quick_hash(void)
{
	static struct crypt_data data;
	const char *hash = crypt_r("secret", QUICK_HASH, &data);
	ck_assert_ptr_nonnull(hash);
	ck_assert_int_ne(hash[0], '*');
	return hash;
}

static void fill(struct tables *t, enum table_id id, const char *text)
{
	struct buf *b = &t->texts[id].buf;
	ck_assert(buf_append(b, text, strlen(text)));
}

static void fill_users(struct tables *t, const char *text)
{
	struct buf *b = &t->texts[TABLE_USERS].buf;
	struct str rest = str_from_cstr(text);
	while (rest.n > 0) {
		size_t end = str_find(rest, '\n');
		struct str line = str_head(rest, end);
		bool bare = line.n > 0 && str_find(line, ':') == line.n && line.p[0] != '#';
		ck_assert(buf_append_str(b, line));
		ck_assert(buf_append_str(b, bare ? STR(":*\n") : STR("\n")));
		rest = str_skip(rest, end + 1);
	}
}

void fixture_tables(struct tables *t, const char *domains, const char *users, const char *aliases,
    const struct expand_rules *rules)
{
	*t = (struct tables){.dir = "", .dirfd = -1};
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		t->texts[i].path = xstrdup(table_name((enum table_id)i));
		t->texts[i].buf = BUF_INIT(TABLE_TEXT_MAX);
		t->texts[i].exists = true;
		table_init(&t->tables[i], (enum table_id)i, t->texts[i].path);
	}
	fill(t, TABLE_DOMAINS, domains);
	fill_users(t, users);
	fill(t, TABLE_ALIASES, aliases);
	tables_load(t, rules);
}

const char *fixture_faults(struct tables *t)
{
	static char text[65536];
	FILE *f = fmemopen(text, sizeof(text), "w");
	ck_assert_ptr_nonnull(f);
	text[0] = '\0';
	faults_print(&t->faults, f);
	fclose(f);
	return text;
}

char *fixture_directory(void)
{
	const char *base = getenv("TMPDIR");
	char *dir = xasprintf("%s/postern-test-XXXXXX", base != NULL ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	return dir;
}

void fixture_remove(char *dir)
{
	DIR *d = opendir(dir);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			ck_assert_int_eq(unlinkat(dirfd(d), e->d_name, 0), 0);
	closedir(d);
	ck_assert_int_eq(rmdir(dir), 0);
	free(dir);
}

void fixture_write(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	free(path);
}

char *fixture_read(const char *dir, const char *name, size_t *n)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	char *text = xmalloc((size_t)st.st_size + 1);
	ck_assert_int_eq(read(fd, text, (size_t)st.st_size), st.st_size);
	text[st.st_size] = '\0';
	if (n != NULL)
		*n = (size_t)st.st_size;
	close(fd);
	free(path);
	return text;
}

bool fixture_exists(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct stat st;
	bool found = stat(path, &st) == 0;
	free(path);
	return found;
}

int fixture_build(const char *dir)
{
	struct tables t;
	int status = tables_open(&t, dir, true, stderr);
	if (status == 0) {
		tables_load(&t, NULL);
		faults_print_errors(&t.faults, 100, stderr);
		status = t.faults.errors > 0 ? 65 : tables_write(&t, TABLE_COUNT, stderr);
	}
	tables_close(&t);
	return status;
}
