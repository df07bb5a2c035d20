/* SPDX-License-Identifier: ISC
 *
 * Makes a running program perform system calls, by ptrace: the calls of an intruder, from inside
 * the jail that the program itself has entered, without a line of the program being another.
 * The kernel judges them as the program's own (its user, root, Landlock domain and filter).
 */
#ifndef POSTERN_TESTS_INJECT_H
#define POSTERN_TESTS_INJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct victim {
	pid_t pid;
	bool killed;	       /* by its filter; every further call fails with ESRCH */
	unsigned long scratch; /* memory of its own for arguments */
	size_t used;
};

/* Stops the process wherever it waits. False: it cannot be traced. Wants CAP_SYS_PTRACE. */
bool inject_begin(struct victim *v, pid_t pid);
/* The call's result as the kernel gives it: -errno on failure. */
long inject_call(struct victim *v, long number, long a, long b, long c, long d, long e, long f);
#define INJECT(v, number, ...) INJECT_6(v, number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define INJECT_6(v, number, a, b, c, d, e, f, ...)                                                 \
	inject_call(v, number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* The same by the instruction of 32-bit programs, with the numbers of their calls and every
 * argument 0. */
long inject_call_32(struct victim *v, long number);
/* Copies into the victim; the place is good until inject_reset. */
long inject_put(struct victim *v, const void *p, size_t n);
long inject_text(struct victim *v, const char *s);
bool inject_get(const struct victim *v, long from, void *to, size_t n);
void inject_reset(struct victim *v);
/* Kills it. What it forked meanwhile is dead, too. */
void inject_end(struct victim *v);

#endif
