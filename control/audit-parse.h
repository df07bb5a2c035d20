/* SPDX-License-Identifier: ISC
 *
 * What the kernel says of a process in /proc, parsed. Pure functions of text; a process can choose
 * some of it (its name, names of files and sockets), and nothing of that is believed to be anything
 * else.
 */
#ifndef POSTERN_CONTROL_AUDIT_PARSE_H
#define POSTERN_CONTROL_AUDIT_PARSE_H

#include "common/str.h"

enum audit_cap {
	CAP_INHERITABLE,
	CAP_PERMITTED,
	CAP_EFFECTIVE,
	CAP_BOUNDING,
	CAP_AMBIENT,
	CAP_SETS
};

/* /proc/PID/status */
struct audit_status {
	uint32_t uid[4]; /* real, effective, saved, file system */
	uint32_t gid[4];
	uint32_t groups[16]; /* the first of them */
	size_t group_count;  /* all of them */
	uint64_t caps[CAP_SETS];
	bool no_new_privs;
	unsigned seccomp; /* 2: a filter */
	unsigned filters; /* how many of them lie over each other */
	unsigned threads;
};

/* False when a line that every kernel has is missing or malformed. */
bool audit_parse_status(struct str text, struct audit_status *out);

/* The hard limit of a row of /proc/PID/limits; UINT64_MAX: unlimited. */
bool audit_parse_limit(struct str text, struct str name, uint64_t *out);

enum audit_family { AUDIT_UNIX, AUDIT_TCP, AUDIT_UDP, AUDIT_OTHER };

struct audit_socket {
	enum audit_family family;
	uint64_t inode;
	unsigned type; /* Unix: SOCK_STREAM ... */
	bool listening;
	unsigned port;	 /* TCP, UDP: the local one */
	struct str path; /* Unix: in the text; empty: without a name */
};

/* One line of /proc/net/tcp, tcp6, udp, udp6, or unix; false for its heading and for what is none.
 */
bool audit_parse_inet(struct str line, enum audit_family family, struct audit_socket *out);
bool audit_parse_unix(struct str line, struct audit_socket *out);

/* "socket:[123]": its number. */
bool audit_parse_inode(struct str target, struct str prefix, uint64_t *out);
/* The line "flags:" of /proc/PID/fdinfo/FD. */
bool audit_parse_flags(struct str text, unsigned *out);

#endif
