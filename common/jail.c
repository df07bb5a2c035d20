/* SPDX-License-Identifier: ISC
 *
 * The table of jails. It knows where a configuration puts things, and opens none of them.
 */
#include "common/jail.h"
#include "common/mailbox-root.h"
#include "common/mem.h"
#include "common/str.h"

#include <linux/capability.h>
#include <stdlib.h>

enum {
#define JAIL(id, calls, place, sockets) JAIL_ROW_##id,
#define CHILD(id, calls, kinds)
#define ROOT(id, capabilities)
#include "common/jails.def"
	JAIL_ROWS,
#undef JAIL
#undef CHILD
#undef ROOT
};
_Static_assert(
    JAIL_ROWS == PROGRAM_COUNT - 1, "each program of wiring.def has one row in jails.def");

enum { /* jails.def's names */
	ACCEPT = SANDBOX_ACCEPT,
	FILES_READ = SANDBOX_FILES_READ,
	FILES_WRITE = SANDBOX_FILES_WRITE,
	THREADS = SANDBOX_THREADS,
	FORK = SANDBOX_FORK,
	CONNECT = SANDBOX_CONNECT,
	RESTRICT = SANDBOX_RESTRICT,
	SETUID = SANDBOX_SETUID,
	DATAGRAMS = SANDBOX_DATAGRAMS,
	LOOKUPS = SANDBOX_LOOKUPS,
	ANY = SANDBOX_ANY,
	NONE = SOCKETS_NONE,
	TCP = SOCKETS_TCP,
	TCP_LISTEN = SOCKETS_TCP_LISTEN,
	UDP = SOCKETS_UDP,
	UNIX = SOCKETS_UNIX,
	UNIX_LISTEN = SOCKETS_UNIX_LISTEN,
	CHANNELS = SOCKETS_CHANNELS,
};

/* Of a program without children there is no CHILD row. */
static const struct {
	unsigned calls, sockets;
} children[PROGRAM_COUNT] = {
#define JAIL(id, calls, place, sockets)
#define CHILD(id, group, kinds) [PROGRAM_##id] = {.calls = (group), .sockets = (kinds)},
#define ROOT(id, capabilities)
#include "common/jails.def"
#undef JAIL
#undef CHILD
#undef ROOT
};

static const uint64_t capabilities[PROGRAM_COUNT] = {
#define JAIL(id, calls, place, sockets)
#define CHILD(id, calls, kinds)
#define CAP(name)      (UINT64_C(1) << CAP_##name)
#define ROOT(id, mask) [PROGRAM_##id] = (mask),
#include "common/jails.def"
#undef JAIL
#undef CHILD
#undef CAP
#undef ROOT
};

static const struct jail jails[PROGRAM_COUNT] = {
#define JAIL(id, group, where, kinds)                                                              \
	[PROGRAM_##id] = {.calls = (group), .place = PLACE_##where, .sockets = (kinds)},
#define CHILD(id, calls, kinds)
#define ROOT(id, capabilities)
#include "common/jails.def"
#undef JAIL
#undef CHILD
#undef ROOT
};

static const struct {
	const char *name;
	const char *user;
} programs[PROGRAM_COUNT] = {
#define PROGRAM(id, file, as, instances) [PROGRAM_##id] = {.name = (file), .user = (as)},
#define EDGE(id, client, server)
#include "common/wiring.def"
#undef PROGRAM
#undef EDGE
};

const struct jail *jail_of(enum program_id id)
{
	return id <= PROGRAM_NONE || id >= PROGRAM_COUNT ? NULL : &jails[id];
}

unsigned jail_child_calls(enum program_id id)
{
	return children[id].calls;
}

unsigned jail_child_sockets(enum program_id id)
{
	return children[id].sockets;
}

uint64_t jail_capabilities(enum program_id id)
{
	return capabilities[id];
}

const char *jail_name(enum program_id id)
{
	return programs[id].name;
}

const char *jail_user(enum program_id id)
{
	return programs[id].user;
}

/* The directory of the trust anchor's file; "" when it is not in one. */
static char *anchor_directory(const struct conf_resolver *conf)
{
	if (!conf->validate || conf->trust_anchor == NULL)
		return NULL;
	struct str path = str_from_cstr(conf->trust_anchor);
	return str_dup(str_head(path, str_rfind(path, '/')));
}

char *jail_directory(enum program_id id, const struct conf *conf)
{
	switch (jail_of(id)->place) {
	case PLACE_AUTH:
		return xstrdup(conf->auth.state);
	case PLACE_SPOOL:
		return xstrdup(conf->spool);
	case PLACE_MAILBOXES:
		return mailbox_root_path(conf);
	case PLACE_ANCHOR:
		return anchor_directory(&conf->resolver);
	case PLACE_MACHINE:
	case PLACE_HOMES:
	case PLACE_ANYWHERE:
		return xstrdup("/");
	case PLACE_NOWHERE:
		break;
	}
	return NULL;
}

bool jail_place_is_root(enum jail_place place)
{
	return place != PLACE_NOWHERE && place != PLACE_SPOOL;
}

bool jail_place_is_writable(enum jail_place place)
{
	return place != PLACE_NOWHERE && place != PLACE_MACHINE;
}

const char *const *jail_machine(void)
{
	/* Modules, their configuration, what they share with daemons (whose sockets are files to
	 * nobody here), and databases; no home, no mailbox, no spool, no other's state. */
	static const char *const directories[] = {"/etc", "/usr", "/lib", "/lib64", "/run", "/var/db",
	    "/var/lib/extrausers", "/var/lib/misc", "/var/lib/samba", "/var/lib/sss",
	    "/var/cache/nscd", NULL};
	return directories;
}

const char *jail_also_reads(enum program_id id, const struct conf *conf)
{
	return jail_of(id)->place == PLACE_AUTH ? conf->tables : NULL;
}

void jail_do_without_place(struct sandbox *s)
{
	s->root = NULL;
	free(s->paths[--s->path_count].path); /* jail_declare adds it last */
}

static void declare_place(enum jail_place place, const char *directory, struct sandbox *s)
{
	if (place == PLACE_MACHINE)
		for (const char *const *path = jail_machine(); *path != NULL; path++)
			sandbox_allow_if_there(s, *path, SANDBOX_READ);
	else if (place != PLACE_ANYWHERE)
		sandbox_allow(
		    s, directory, jail_place_is_writable(place) ? SANDBOX_WRITE : SANDBOX_READ);
}

void jail_declare(enum program_id id, const struct conf *conf, struct sandbox *s)
{
	const struct jail *jail = jail_of(id);
	char *directory = jail_directory(id, conf);
	const char *reads = jail_also_reads(id, conf);
	s->calls |= jail->calls;
	if (reads != NULL)
		sandbox_allow(s, reads, SANDBOX_READ);
	if (directory == NULL)
		return;
	if (jail->place == PLACE_ANCHOR)
		s->calls |= SANDBOX_FILES_READ | SANDBOX_FILES_WRITE;
	s->outside = jail->place == PLACE_MACHINE;
	declare_place(jail->place, directory, s);
	if (jail_place_is_root(jail->place))
		s->root = directory; /* for as long as the program runs */
	else
		free(directory);
}
