/* SPDX-License-Identifier: ISC
 *
 * The listening sockets of the suite: those of the configuration, and the
 * Unix sockets that programs serve. A socket that is already there for the same
 * address, from before a reload or from the service manager, is kept.
 */
#ifndef POSTERN_CONTROL_LISTEN_H
#define POSTERN_CONTROL_LISTEN_H

#include "common/buf.h"
#include "common/conf.h"

enum { LISTENER_UNNUMBERED = UINT16_MAX };

struct listener {
	int fd;
	enum listener_kind kind;
	uint16_t
	    number; /* place in the configuration's list; LISTENER_UNNUMBERED: not from there */
	struct sockaddr_storage address;
	socklen_t address_len;
};

struct listeners {
	struct listener *list;
	size_t count;
};

/* Opens everything the configuration wants, with sockets of `old` where they fit. Each fault is a
 * line "FILE:LINE: text". When there is one, false: `old` is as it was. Else `out` has all, and
 * `old` owns only what is wanted no more. `patience_ms`: how long an address may be in use still.
 */
bool listen_open(const struct conf *conf, const char *conf_path, unsigned patience_ms,
    struct listeners *old, struct listeners *out, struct buf *faults);
void listen_close(struct listeners *l);

/* Sockets that the service manager passed (sd_listen_fds(3)); takes the environment's word away. */
void listen_inherit(struct listeners *out);

#endif
