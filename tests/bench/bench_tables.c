/* SPDX-License-Identifier: ISC
 *
 * How long it takes to build tables of many users, to open them as directory
 * does, and to look one up.  bench_tables [USERS] [DIRECTORY]
 */
#include "common/mem.h"
#include "directory/table-set.h"
#include "directory/tables.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { LOOKUPS = 1000000 };

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double lap(const char *what, double since)
{
	double t = now();
	printf("%-44s %9.3f s\n", what, t - since);
	fflush(stdout);
	return now();
}

static void write_file(const char *dir, const char *name, unsigned long users)
{
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");
	if (f == NULL) {
		perror(path);
		exit(EX_CANTCREAT);
	}
	if (users == 0)
		fputs(name[0] == 'd' ? "example.org\n" : "root: user0000000@example.org\n", f);
	/* In an order that is not that of the keys. */
	for (unsigned long i = 0; i < users; i++)
		fprintf(f, "user%07lu@example.org:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$%043lu\n",
		    i * 7919 % users, i);
	if (fclose(f) != 0)
		perror(path);
	free(path);
}

static double build(const char *dir, double t)
{
	struct tables tables;
	if (tables_open(&tables, dir, true, stderr) != EX_OK)
		exit(EX_NOINPUT);
	t = lap("read the texts", t);
	tables_load(&tables, NULL);
	t = lap("parse and check", t);
	faults_print_errors(&tables.faults, 5, stderr);
	if (tables_write(&tables, TABLE_COUNT, stderr) != EX_OK)
		exit(EX_IOERR);
	t = lap("write and sync the set", t);
	tables_close(&tables);
	return t;
}

static void look_up(struct table_set *set, unsigned long users)
{
	struct pool *pool = pool_new(64 * 1024);
	unsigned long found = 0, seed = 1;
	double t = now();
	for (unsigned long i = 0; i < LOOKUPS; i++) {
		char key[64];
		seed = seed * 6364136223846793005UL + 1442695040888963407UL;
		int n = snprintf(key, sizeof(key), "user%07lu@example.org", (seed >> 33) % users);
		pool_reset(pool);
		found += map_get(set->maps[TABLE_USERS], str_from(key, (size_t)n), pool, NULL) ==
			 LOOKUP_FOUND;
	}
	t = now() - t;
	printf("%d look-ups, %lu found: %.0f/s, %.2f us each\n", LOOKUPS, found, LOOKUPS / t,
	    t * 1e6 / LOOKUPS);
	pool_free(pool);
}

static void open_and_look_up(const char *dir, unsigned long users, off_t image_max, const char *how)
{
	struct table_files files;
	struct table_set_fault fault;
	double t = now();
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	map_set_image_max(image_max);
	struct table_set *set = table_set_open(dirfd, &files, &fault);
	if (set == NULL) {
		fprintf(stderr, "%s %s\n", table_name(fault.table), fault.why);
		exit(EX_DATAERR);
	}
	lap(how, t);
	look_up(set, users);
	table_set_close(set);
	close(dirfd);
}

static void remove_all(const char *dir)
{
	static const char *const names[] = {
	    "domains", "users", "aliases", "domains.db", "users.db", "aliases.db"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);
		if (unlink(path) < 0)
			perror(path);
		free(path);
	}
	if (rmdir(dir) < 0)
		perror(dir);
}

int main(int argc, char **argv)
{
	uint64_t users = 1000000;
	const char *base = argc > 2 ? argv[2] : "/tmp";
	if (argc > 1 && !str_parse_u64(str_from_cstr(argv[1]), 10000000, &users))
		return EX_USAGE;
	char *dir = xasprintf("%s/postern-bench-XXXXXX", base);
	struct rusage usage;
	struct stat st;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) < 0)
		return EX_CANTCREAT;
	write_file(dir, "domains", 0);
	write_file(dir, "aliases", 0);
	write_file(dir, "users", users);
	build(dir, now());
	getrusage(RUSAGE_SELF, &usage);
	char *db = xasprintf("%s/users.db", dir);
	if (stat(db, &st) == 0)
		printf("%lu users: users.db %.1f MiB; most memory %ld MiB\n", (unsigned long)users,
		    (double)st.st_size / 1048576, usage.ru_maxrss / 1024);
	open_and_look_up(dir, users, 0, "open and verify, read in place");
	if (st.st_size <= MAP_IMAGE_MAX)
		open_and_look_up(dir, users, MAP_IMAGE_MAX, "open and verify, copied to memory");
	remove_all(dir);
	free(db);
	free(dir);
	return EX_OK;
}
