/* SPDX-License-Identifier: ISC
 *
 * Stands in for every program of the suite in test_control: lives as
 * common/service.h says, takes all it is given, and says so in the log. Two of
 * them that share an edge greet each other, as real ones would.
 */
#include "common/mem.h"
#include "common/msg-directory-session.h"
#include "common/msg-keys.h"
#include "common/msg-directory-pam.h"
#include "common/msg-owner.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-queue-directory.h"
#include "common/msg-queue-local.h"
#include "common/msg-queue-remote.h"
#include "common/msg-remote-directory.h"
#include "common/msg-remote-resolver.h"
#include "common/msg-smtpd-directory.h"
#include "common/msg-smtpd-queue.h"
#include "common/msg-users.h"
#include "common/service.h"

#include <string.h>
#include <unistd.h>

enum { INSTANCES_MAX = 64, LISTENERS_MAX = 16 };

static const char *name;
static struct channel *peers[EDGE_COUNT][INSTANCES_MAX];
static int listeners[LISTENERS_MAX];
static size_t listener_count;

/* Edges that share a table of messages. */
#define directory_users_client users_client
#define directory_users_server users_server
#define local_users_client     users_client
#define local_users_server     users_server
#define local_owner_client     owner_client
#define local_owner_server     owner_server
#define session_owner_client   owner_client
#define session_owner_server   owner_server

#define PROGRAM(id, file, user, instances)
#define EDGE(id, from, to) [EDGE_##id] = {&id##_client, &id##_server, PROGRAM_##from},
/* One protocol for several edges. */
#define smtpd_keys_client keys_client
#define smtpd_keys_server keys_server
#define pop3d_keys_client keys_client
#define pop3d_keys_server keys_server
#define remote_keys_client keys_client
#define remote_keys_server keys_server
static const struct {
	const struct edge_side *client, *server;
	enum program_id from;
} edges[] = {
#include "common/wiring.def"
};
#undef PROGRAM
#undef EDGE

#define PROGRAM(id, file, user, instances) [PROGRAM_##id] = file,
#define EDGE(id, from, to)
static const char *const files[] = {
#include "common/wiring.def"
};
#undef PROGRAM
#undef EDGE

/* No message but the greeting is taken, since there are no handlers. */
static const struct {
	void (*none[16])(void);
} no_handlers;

static void on_closed(void *ctx, struct channel *channel, const char *why)
{
	struct channel **slot = ctx;
	log_message(LOG_INFO, "lost a peer: %s", why);
	channel_free(channel);
	*slot = NULL;
}

static void on_peer(enum edge_id edge, unsigned instance, int fd)
{
	bool client = strcmp(files[edges[edge].from], name) == 0;
	struct channel **slot = &peers[edge][instance % INSTANCES_MAX];
	log_message(LOG_INFO, "peer %d %u", (int)edge, instance);
	channel_free(*slot);
	*slot = channel_new(
	    fd, client ? edges[edge].client : edges[edge].server, &no_handlers, slot, on_closed);
}

static void on_listener(const struct conf_listener *l, enum listener_kind kind, int fd)
{
	log_message(LOG_INFO, "listener %d %s", (int)kind, l == NULL ? "-" : l->address);
	if (listener_count < LISTENERS_MAX)
		listeners[listener_count++] = fd;
}

static void on_admission(struct admission *admission, unsigned worker)
{
	log_message(LOG_INFO, "admission %u", worker);
	admission_free(admission);
}

static void on_lmtp(uint32_t cookie, int fd, int error)
{
	if (fd < 0)
		log_message(LOG_INFO, "lmtp %u failed: %s", cookie, strerror(error));
	else
		log_message(LOG_INFO, "lmtp %u: wrote %zd", cookie, write(fd, "hello", 5));
	if (fd >= 0)
		close(fd);
}

/* deliver-remote asks for every socket and one that there is not; smtpd, which must not ask, asks
 * when there is one of its name. */
static void ask_for_sockets(const struct conf *conf)
{
	bool may = strcmp(name, "deliver-remote") == 0;
	for (size_t i = 0; i < conf->lmtp_count; i++)
		if (may || strcmp(name, conf->lmtps[i].name) == 0)
			service_connect_lmtp((uint32_t)i, conf->lmtps[i].name);
	if (may && conf->lmtp_count > 0)
		service_connect_lmtp(99, "no-such-section");
}

/* queue says what nobody takes, when the host is called so. */
static void talk_nonsense(const struct conf *conf)
{
	bool wanted = strcmp(conf->hostname, "nonsense.example.test") == 0;
	if (!wanted || strcmp(name, "queue") != 0)
		return;
	for (size_t i = 0; i < INSTANCES_MAX; i++)
		if (peers[EDGE_smtpd_queue][i] != NULL)
			msg_committed_send(
			    peers[EDGE_smtpd_queue][i], &(struct msg_committed){}, NULL);
}

static void on_reload(const struct conf *conf)
{
	log_message(LOG_INFO, "reload: %s", conf->hostname);
	talk_nonsense(conf);
	ask_for_sockets(conf);
	while (listener_count > 0)
		close(listeners[--listener_count]);
}

int main(int argc, char **argv)
{
	name = argv[0];
	struct service service = {
	    .name = name,
	    .user = "nobody",
	    .sandbox = {.calls = SANDBOX_ACCEPT, .root = "/"}, /* nothing is made for a test */
	    .on_peer = on_peer,
	    .on_listener = on_listener,
	    .on_admission = on_admission,
	    .on_reload = on_reload,
	    .on_lmtp = on_lmtp,
	};
	return service_main(&service, argc, argv);
}
