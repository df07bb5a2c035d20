/* SPDX-License-Identifier: ISC
 *
 * The life that every program under control shares:
 *
 *   options -> configuration (descriptor 4) -> log -> before_jail -> jail ->
 *   in_jail -> event loop, told by control (descriptor 3) -> on_stop -> exit
 *
 * A program fills in a struct service and calls service_main from main. Edges
 * appear and disappear while it runs: on_peer gives it a fresh channel, and a
 * channel that closes (see channel.h) stays closed until the next on_peer.
 */
#ifndef POSTERN_SERVICE_H
#define POSTERN_SERVICE_H

#include "common/admission.h"
#include "common/answers.h"
#include "common/channel.h"
#include "common/conf.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/sandbox.h"
#include "common/wiring.h"

/* All zero: refused nothing, has nothing in use. */
struct key_verdict {
	bool refused;
	bool in_use; /* these files, or those before them */
	char text[KEY_VERDICT_MAX + 1]; /* what is wrong; "": nothing is */
};

struct service {
	/* Name, user and the sandbox's calls, paths and root are those of wiring.def and jails.def.
	 * PROGRAM_NONE is for stand-ins in tests, which say them themselves. */
	enum program_id program;
	const char *name;
	const char *user;
	struct sandbox sandbox; /* before_jail may set limits and ports */
	/* With the privileges of the start; may open what the jail will not reach. May be NULL. */
	void (*before_jail)(struct service *self, const struct conf *conf);
	/* Everything is locked; make state, start threads. May be NULL. */
	void (*in_jail)(const struct conf *conf);
	/* An end of an edge; `fd` is the callee's. Make the channel; free an older one of that
	 * instance. */
	void (*on_peer)(enum edge_id edge, unsigned instance, int fd);
	/* A listening socket, close-on-exec, non-blocking; `fd` is the callee's. May be NULL. */
	void (*on_listener)(const struct conf_listener *listener, enum listener_kind kind, int fd);
	/* Shared counters, see admission.h; the callee's. May be NULL. */
	void (*on_admission)(struct admission *admission, unsigned worker);
	/* A new configuration took effect. The old one is freed after the return. Close the old
	 * listeners: the new list follows. May be NULL. */
	void (*on_reload)(const struct conf *conf);
	/* What service_connect_lmtp asked for: a descriptor, the callee's, or -1 and an errno. May
	 * be NULL. */
	void (*on_lmtp)(uint32_t cookie, int fd, int error);
	/* The files of the configuration's certificate with that number; both are the callee's, who
	 * fills in the verdict. May be NULL. */
	void (*on_key_pair)(const struct conf_certificate *certificate, int chain, int key,
	    struct key_verdict *verdict);
	/* Finish, then call loop_exit. NULL: leaves at once. */
	void (*on_stop)(void);
};

int service_main(struct service *service, int argc, char **argv);
/* Asks control for a connection to the socket of the configuration's section lmtp NAME; on_lmtp
 * gets it, later. False: control is gone. For deliver-remote alone. */
bool service_connect_lmtp(uint32_t cookie, const char *name);
/* The configuration in force. */
const struct conf *service_conf(void);

#endif
