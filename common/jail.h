/* SPDX-License-Identifier: ISC
 *
 * common/jails.def as data, and made into a struct sandbox for a configuration.
 */
#ifndef POSTERN_JAIL_H
#define POSTERN_JAIL_H

#include "common/conf.h"
#include "common/sandbox.h"
#include "common/wiring.h"

/* The one directory that a program works in. */
enum jail_place {
	PLACE_NOWHERE,	 /* an empty root */
	PLACE_AUTH,	 /* its root; the tables it reads besides, by a descriptor */
	PLACE_SPOOL,	 /* its root is empty, it holds a descriptor */
	PLACE_MAILBOXES, /* its root */
	PLACE_ANCHOR,	 /* its root, where the trust anchor is a file; else like NOWHERE */
	PLACE_MACHINE,	 /* "/", and of it what look-ups of users need, to read (jail_machine) */
	PLACE_HOMES,	 /* all of it: of each of its children one Maildir is left */
	PLACE_ANYWHERE,	 /* all of it; Landlock keeps its signals in */
};

/* What sockets a program may hold beside the channels to its peers (which are Unix, SEQPACKET). */
enum jail_sockets {
	SOCKETS_NONE = 0,
	SOCKETS_TCP = 1 << 0, /* connections */
	SOCKETS_TCP_LISTEN = 1 << 1,
	SOCKETS_UDP = 1 << 2,
	SOCKETS_UNIX = 1 << 3, /* connections of streams */
	SOCKETS_UNIX_LISTEN = 1 << 4,
	/* Channels to processes of users of the machine, where the configuration has them. */
	SOCKETS_CHANNELS = 1 << 5,
};

struct jail {
	unsigned calls; /* mask of enum sandbox_calls */
	enum jail_place place;
	unsigned sockets; /* mask of enum jail_sockets */
};

/* NULL for PROGRAM_NONE. Lives for ever. */
const struct jail *jail_of(enum program_id id);
/* What the program's children keep of its calls; 0: it has none. */
unsigned jail_child_calls(enum program_id id);
/* And what sockets they may hold beside one channel. */
unsigned jail_child_sockets(enum program_id id);
/* Of a program that stays root, a mask of 1 << CAP_*; 0: it becomes its user. */
uint64_t jail_capabilities(enum program_id id);
/* As wiring.def has them. */
const char *jail_name(enum program_id id);
const char *jail_user(enum program_id id);

/* The place's directory, the caller's; NULL where there is none, or none with this configuration.
 * Ends the program when the configuration cannot say it. */
char *jail_directory(enum program_id id, const struct conf *conf);
bool jail_place_is_root(enum jail_place place);
bool jail_place_is_writable(enum jail_place place);

/* Directories that the modules of nsswitch.conf read; NULL ends them. */
const char *const *jail_machine(void);

/* What it reads beside its place; NULL: nothing. Lives as long as the configuration. */
const char *jail_also_reads(enum program_id id, const struct conf *conf);

/* Calls, paths and root of the program's jail, added to `s`. */
void jail_declare(enum program_id id, const struct conf *conf, struct sandbox *s);
/* After jail_declare, when the place is not there: an empty root instead of it. */
void jail_do_without_place(struct sandbox *s);

#endif
