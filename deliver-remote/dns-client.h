/* SPDX-License-Identifier: ISC
 *
 * Questions to resolver. Nothing is kept here: resolver has the one cache.
 *
 * While resolver is away, questions wait and are asked again on its fresh channel, but not more
 * than DNS_CLIENT_TRIES times (a question that kills resolver shall not do it for ever). What has
 * no answer when its time is over, or cannot be asked, is answered DNS_TEMPORARY; a name that
 * DNS cannot have, DNS_NO_NAME.
 *
 * A handler is called exactly once for each question that is not forgotten, from the event
 * loop and never from inside the asking call. Its message lives until it returns; its cookie
 * means nothing to the caller. A handler may ask and forget as it likes.
 */
#ifndef POSTERN_REMOTE_DNS_CLIENT_H
#define POSTERN_REMOTE_DNS_CLIENT_H

#include "common/answers.h"
#include "common/msg-remote-resolver.h"

enum { DNS_CLIENT_TRIES = 3, DNS_CLIENT_QUESTIONS_MAX = 4000 };

struct dns_client;
struct dns_question; /* one under way; gone once its handler is called or it is forgotten */

typedef void dns_mx_fn(void *ctx, const struct msg_mx_answer *m);
typedef void dns_ip_fn(void *ctx, const struct msg_ip_answer *m);
typedef void dns_tlsa_fn(void *ctx, const struct msg_tlsa_answer *m);
typedef void dns_txt_fn(void *ctx, const struct msg_txt_answer *m);
typedef void dns_ptr_fn(void *ctx, const struct msg_ptr_answer *m);

/* `timeout_ms` for one question, all its tries together: resolver's own and a little more. */
struct dns_client *dns_client_new(uint64_t timeout_ms);
/* For the questions asked from now on. */
void dns_client_set_timeout(struct dns_client *c, uint64_t timeout_ms);
/* Forgets all questions. */
void dns_client_free(struct dns_client *c);
/* A fresh channel to resolver (the edge remote_resolver); takes fd. */
void dns_client_connect(struct dns_client *c, int fd);

/* Names are copied; case and one final dot do not matter. Never NULL. */
struct dns_question *dns_client_ask_mx(
    struct dns_client *c, struct str domain, dns_mx_fn *fn, void *ctx);
/* `family` 4 or 6. */
struct dns_question *dns_client_ask_ip(
    struct dns_client *c, uint8_t family, struct str host, dns_ip_fn *fn, void *ctx);
/* TLSA of _port._tcp.host. */
struct dns_question *dns_client_ask_tlsa(
    struct dns_client *c, uint16_t port, struct str host, dns_tlsa_fn *fn, void *ctx);
struct dns_question *dns_client_ask_txt(
    struct dns_client *c, struct str name, dns_txt_fn *fn, void *ctx);
/* The names of an address of 4 or 16 octets. */
struct dns_question *dns_client_ask_ptr(
    struct dns_client *c, struct str address, dns_ptr_fn *fn, void *ctx);

/* The answer is not wanted any more. NULL does nothing. */
void dns_client_forget(struct dns_question *q);

#endif
