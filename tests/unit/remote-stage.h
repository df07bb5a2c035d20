/* SPDX-License-Identifier: ISC
 *
 * The real deliver-remote on a stage: this process is control, queue, directory and resolver to
 * it, and the servers that it delivers to. Nothing here waits for time to pass: remote_until turns
 * the event loop until a condition holds, and gives up after REMOTE_PATIENCE_MS only because a
 * test must end.
 */
#ifndef POSTERN_TESTS_REMOTE_STAGE_H
#define POSTERN_TESTS_REMOTE_STAGE_H

#include "common/answers.h"
#include "common/msg-queue-remote.h"
#include "common/msg-remote-directory.h"
#include "common/msg-remote-resolver.h"

#include <openssl/ssl.h>
#include <sys/types.h>

enum { REMOTE_PATIENCE_MS = 20 * 1000, REMOTE_RESULTS_MAX = 2048, REMOTE_DNS_MAX = 64 };

/* What one delivery came to. */
struct remote_answer {
	uint64_t delivery;
	uint8_t verdict, tls;
	uint32_t connect_ms, transmit_ms;
	char relay[RELAY_MAX + 1];
	size_t count;
	struct {
		uint16_t number;
		uint8_t outcome, dsn_passed;
		char status[ENHANCED_CODE_MAX + 1];
		char mta[DOMAIN_MAX + 1];
		char reply[REMOTE_TEXT_MAX + 1];
		char text[REASON_MAX + 1];
		uint8_t tried, own;
	} list[RECIPIENTS_PER_PACKET];
	size_t tried_count;
	struct {
		char host[RELAY_MAX + 1];
		char said[REASON_MAX + 1];
	} tried[TRIED_MAX];
};

/* A record of the resolver that is played here. */
struct remote_record {
	const char *name;
	char type;	      /* 'm' MX, '4', '6', 't' TLSA */
	enum dns_state state; /* 0: DNS_OK */
	bool secure;
	uint16_t preference; /* MX */
	const char *value;   /* MX host, address; NULL: none (see state) */
	struct tlsa tlsa;
	const char *canonical;
};

struct remote_stage {
	pid_t pid;
	bool ready, control_gone, queue_gone;
	struct channel *control, *queue, *directory, *resolver;
	int log;
	struct buf log_text;
	/* queue */
	uint64_t next_delivery;
	uint64_t behind; /* which the next one may go behind; 0: none */
	uint16_t flags;	 /* of the envelope of what is delivered */
	bool from_nobody; /* it is a notice */
	struct remote_answer *answers; /* in the order in which they came */
	size_t answer_count;
	uint64_t content_sent, returned; /* the last ones that were said */
	unsigned content_sent_count, returned_count;
	/* directory: the answer to every question */
	bool directory_silent;
	unsigned hop_queries;
	struct msg_hop_answer hop; /* empty target: the nexthop asked for */
	/* resolver */
	bool resolver_silent, silent_for_ipv6;
	unsigned dns_queries, mx_queries, tlsa_queries;
	struct remote_record records[REMOTE_DNS_MAX]; /* ends with name == NULL */
};

/* `remote` goes into the remote section of the configuration, `top` before it. */
bool remote_start(struct remote_stage *st, const char *top, const char *remote);
void remote_stop(struct remote_stage *st);
bool remote_until(struct remote_stage *st, bool (*done)(struct remote_stage *st));
void remote_tell_to_stop(struct remote_stage *st);
void remote_reload(struct remote_stage *st, const char *top, const char *remote);
void remote_connect_queue(struct remote_stage *st);
void remote_kill_queue(struct remote_stage *st);
void remote_connect_directory(struct remote_stage *st);
void remote_kill_directory(struct remote_stage *st);
void remote_connect_resolver(struct remote_stage *st);
void remote_kill_resolver(struct remote_stage *st);
void remote_hops_changed(struct remote_stage *st);
bool remote_logged(struct remote_stage *st, const char *text);

/* One message to bob@far.example, or to each of the `count` addresses; its cookie. */
uint64_t remote_deliver(struct remote_stage *st, const char *nexthop);
uint64_t remote_deliver_to(struct remote_stage *st, const char *nexthop, const char *const *to,
    size_t count, struct str content);
uint64_t remote_deliver_large(struct remote_stage *st, const char *nexthop, size_t size);
/* Waits for the answer to that one. */
const struct remote_answer *remote_answer(struct remote_stage *st, uint64_t delivery);

/* A server, played by the test. */
struct remote_listener {
	int fd;
	uint16_t port;
};
struct remote_peer {
	int fd;
	struct buf in;
	bool closed;
	SSL *ssl;
};
/* On 127.0.0.`host`; port 0: any. */
void remote_listen(struct remote_listener *l, unsigned host, uint16_t port);
void remote_listen_close(struct remote_listener *l);
void remote_accept(struct remote_listener *l, struct remote_peer *p);
/* Whether somebody has connected; does not wait. */
bool remote_has_client(const struct remote_listener *l);
void remote_peer_close(struct remote_peer *p);
void remote_say(struct remote_peer *p, const char *text);
/* Fails the test unless the next line begins so. */
void remote_expect(struct remote_peer *p, const char *prefix);
void remote_expect_closed(struct remote_peer *p);
/* Reads content up to the final dot; returns its octets. */
size_t remote_expect_content(struct remote_peer *p);
/* Greeting, EHLO and its reply with these extensions ("PIPELINING\n8BITMIME"); NULL: none. */
void remote_hello(struct remote_peer *p, const char *extensions);
/* MAIL, RCPT, DATA and content, all taken; with the final reply. */
void remote_take(struct remote_peer *p);
/* The server's side of a handshake with this certificate; false: it failed. */
struct remote_certificate {
	EVP_PKEY *key;
	X509 *cert;
	bool demanding; /* no handshake with who shows none */
};
void remote_certificate_make(struct remote_certificate *c, const char *name);
void remote_certificate_free(struct remote_certificate *c);
bool remote_peer_tls(struct remote_peer *p, const struct remote_certificate *c);

#endif
