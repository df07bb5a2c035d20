/* SPDX-License-Identifier: ISC
 *
 * The jail that every program enters before it touches anything from outside:
 * resource limits, empty root and own user (when started as root), no new
 * privileges, Landlock, seccomp, no stray descriptors. One file per mechanism:
 * sandbox-user.c, sandbox-landlock.c, sandbox-seccomp.c, sandbox-limits.c.
 */
#ifndef POSTERN_SANDBOX_H
#define POSTERN_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Groups of system calls beyond the event loop's own (memory, clocks, epoll, eventfd,
 * sendmsg, recvmsg, read, write, close, exit). */
enum sandbox_calls {
	SANDBOX_ACCEPT = 1 << 0,     /* accept4; setsockopt for what client-socket.h needs */
	SANDBOX_FILES_READ = 1 << 1, /* openat without writing, fstat, getdents, pread, mmap of files */
	SANDBOX_FILES_WRITE = 1 << 2, /* and create, write, sync, rename, link, unlink, mkdir */
	SANDBOX_THREADS = 1 << 3,    /* clone of threads, futex */
	SANDBOX_FORK = 1 << 4,	     /* fork of itself, wait; never exec */
	SANDBOX_CONNECT = 1 << 5,    /* socket, connect: TCP over IPv4 and IPv6, nothing else */
	SANDBOX_RESTRICT = 1 << 6,   /* landlock and seccomp again, for children that get less */
	SANDBOX_SETUID = 1 << 7,     /* the small root parents only */
	SANDBOX_DATAGRAMS = 1 << 8,  /* UDP, too */
	/* Look-ups by the C library's modules (nsswitch.conf): files, sockets. What else they try
	 * fails, and does not kill: they are not our code. */
	SANDBOX_LOOKUPS = 1 << 9,
	/* Everything but what reaches other processes, file systems and the kernel: pam-check only,
	 * whose modules may be anything. What they may not fails. */
	SANDBOX_ANY = 1 << 10,
};

enum sandbox_access { SANDBOX_READ, SANDBOX_WRITE };

#define SANDBOX_PATHS_MAX 16
#define SANDBOX_PORTS_MAX 16

struct sandbox {
	unsigned calls;	     /* mask of enum sandbox_calls */
	unsigned files_max;  /* RLIMIT_NOFILE; 0: as the configuration needs (service.c) */
	struct {
		char *path; /* a directory; everything beneath it */
		enum sandbox_access access;
		bool if_there;
	} paths[SANDBOX_PATHS_MAX];
	size_t path_count;
	/* With SANDBOX_CONNECT: the ports to which TCP may connect; none: all. */
	uint16_t ports[SANDBOX_PORTS_MAX];
	size_t port_count;
	bool outside;	  /* keeps "/" as its root; what there is of it, the paths say */
	const char *root; /* see sandbox_enter; NULL: an empty directory */
};

/* Copies the path. */
void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_access access);
/* The same of one that may be missing: then there is nothing to give back. */
void sandbox_allow_if_there(struct sandbox *s, const char *path, enum sandbox_access access);
/* Another port for TCP, where the kernel can tell ports apart (Landlock level 4). */
void sandbox_allow_port(struct sandbox *s, uint16_t port);
/* Enters the jail. Started as root: `root` becomes the root directory and `user` the user.
 * Otherwise: `root` becomes the current directory. So after it, names relative to `root` are
 * right in both cases; absolute ones are not. Ends the program when a mechanism that the
 * kernel has cannot be put in force, or when what must be forbidden still works. */
void sandbox_enter(const struct sandbox *s, const char *user);
/* The same for the programs that stay root: no group but its own, and `kept` alone (a mask of
 * 1 << CAP_*) of its capabilities. */
void sandbox_enter_as_root(const struct sandbox *s, uint64_t kept);
/* For a forked child that shall have less: another Landlock layer and seccomp filter. */
void sandbox_narrow(const struct sandbox *s);
#endif
