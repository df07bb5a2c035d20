/* SPDX-License-Identifier: ISC */
#include "common/tls-service.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/tls-internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum {
	SECURITY_LEVEL = 2,
	SESSION_LIFETIME_S = 4 * 3600, /* no ticket's keys are kept longer */
	CLIENT_CHAIN_MAX = 32 * 1024,  /* octets of what a client shows */
	TICKET_IV_SIZE = 16,	       /* of AES-256-CBC */
};

#define CIPHERS                                                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/* Of TLS 1.3. What is as safe and costs less stands first. */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384:P-521"

/* The certificates of one name. */
struct site {
	SSL_CTX *ctx;
	const char *title;
	char **names;
	size_t name_count;
};

struct tls_service {
	enum tls_service_id id;
	bool ask_certificate;
	struct site *sites; /* the first one is for who asks for none of them */
	size_t site_count;
};

static struct tls_service *services[TLS_SERVICES][2];

/* ---- which certificate ------------------------------------------------------------- */

/* RFC 6125 §6.4.3: the star stands for one label. */
static bool is_name(const char *pattern, const char *name)
{
	struct str p = str_from_cstr(pattern), n = str_from_cstr(name);
	if (p.n < 3 || p.p[0] != '*' || p.p[1] != '.')
		return str_caseeq(p, n);
	size_t dot = str_find(n, '.');
	return dot > 0 && str_caseeq(str_skip(p, 1), str_skip(n, dot));
}

static const struct site *find_site(const struct tls_service *service, const char *name)
{
	for (size_t i = 0; i < service->site_count; i++)
		for (size_t k = 0; k < service->sites[i].name_count; k++)
			if (is_name(service->sites[i].names[k], name))
				return &service->sites[i];
	return &service->sites[0];
}

/* A server that is called by a name of which it has no certificate shows the first one: mail is
 * sent without looking at it mostly (RFC 3207 §4.1), and by DANE the key counts. */
static int on_server_name(SSL *ssl, int *alert, void *ctx)
{
	const struct tls_service *service = ctx;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert;
	if (name == NULL || service->site_count == 0)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, find_site(service, name)->ctx);
	return SSL_TLSEXT_ERR_OK;
}

/* ---- ALPN -------------------------------------------------------------------------- */

/* Who offers protocols and not ours was led here by somebody else (ALPACA). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
    const unsigned char *in, unsigned in_n, void *ctx)
{
	static const struct str smtp = {"smtp", 4}, pop3 = {"pop3", 4};
	const struct tls_service *service = ctx;
	struct str ours = service->id == TLS_SERVICE_POP3 ? pop3 : smtp;
	(void)ssl;
	for (unsigned i = 0; i + 1 + in[i] <= in_n; i += 1U + in[i]) {
		if (str_eq(str_from((const char *)in + i + 1, in[i]), ours)) {
			*out = in + i + 1;
			*out_n = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
		if (i + 1U + in[i] == in_n)
			break;
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* ---- tickets ----------------------------------------------------------------------- */

/* Fetched once, as what EVP_aes_256_cbc() names is anew each time. */
static const EVP_CIPHER *ticket_cipher(void)
{
	static EVP_CIPHER *fetched; /* for the life of the process */
	if (fetched == NULL)
		fetched = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return fetched;
}

static bool use_ticket_key(const struct tls_ticket_key *k, const uint8_t *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool encrypt)
{
	char hash[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_octet_string(
		OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->hmac, sizeof(k->hmac)),
	    OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, hash, sizeof(hash) - 1),
	    OSSL_PARAM_END,
	};
	return EVP_CipherInit_ex(cipher, ticket_cipher(), NULL, k->aes, iv, encrypt) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* See SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 1 used, 2 used and to be renewed, 0 no ticket. In
 * TLS 1.3 a client shows a ticket once (RFC 8446 appendix C.4), so it is given another. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int encrypt)
{
	const struct tls_service *service = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	if (encrypt) {
		const struct tls_ticket_key *k = tls_keys_ticket(service->id, 0);
		if (k == NULL || RAND_bytes(iv, TICKET_IV_SIZE) != 1)
			return 0;
		memcpy(name, k->name, sizeof(k->name));
		return use_ticket_key(k, iv, cipher, mac, true);
	}
	for (size_t age = 0; age < 2; age++) {
		const struct tls_ticket_key *k = tls_keys_ticket(service->id, age);
		if (k == NULL || memcmp(name, k->name, sizeof(k->name)) != 0)
			continue;
		if (!use_ticket_key(k, iv, cipher, mac, false))
			return 0;
		return age == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
	}
	return 0;
}

/* What a resumed session is bound to: the site's certificate may be another then. */
static int on_new_ticket(SSL *ssl, void *ctx)
{
	uint8_t endpoint[TLS_ENDPOINT_MAX];
	(void)ctx;
	if (SSL_session_reused(ssl) == 1)
		return 1; /* it has it from the ticket before */
	size_t n = tls_facts_endpoint(ssl, endpoint);
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), endpoint, n);
}

/* ---- contexts ---------------------------------------------------------------------- */

/* Whoever it is: policy looks at the fingerprint. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static void set_callbacks(SSL_CTX *ctx, struct tls_service *service)
{
	SSL_CTX_set_app_data(ctx, service);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, service);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, service);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
	SSL_CTX_set_session_ticket_cb(ctx, on_new_ticket, NULL, NULL);
	if (service->ask_certificate) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
		SSL_CTX_set_max_cert_list(ctx, CLIENT_CHAIN_MAX);
	}
}

static SSL_CTX *new_context(struct tls_service *service)
{
	const uint8_t session_context[] = {(uint8_t)service->id, service->ask_certificate};
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, CIPHERS) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, SUITES) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, GROUPS) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context)) != 1) {
		log_message(
		    LOG_ERR, "there is no TLS: %s", ERR_reason_error_string(ERR_get_error()));
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ASYNC);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, SESSION_LIFETIME_S);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_read_ahead(ctx, 1);
	set_callbacks(ctx, service);
	return ctx;
}

static bool add_certificate(SSL_CTX *ctx, const struct tls_identity *id)
{
	STACK_OF(X509) *others = tls_identity_issuers(id);
	ERR_clear_error();
	bool ok = id->key != NULL && SSL_CTX_use_cert_and_key(
					 ctx, sk_X509_value(id->chain, 0), id->key, others, 0) == 1;
	if (!ok)
		log_message(LOG_ERR, "certificate %s cannot be used: %s", id->names[0],
		    ERR_peek_error() == 0 ? "there are two of one kind of key"
					  : ERR_reason_error_string(ERR_peek_error()));
	ERR_clear_error();
	sk_X509_free(others);
	return ok;
}

static struct site *find_title(struct tls_service *service, const char *title)
{
	for (size_t i = 0; i < service->site_count; i++)
		if (strcmp(service->sites[i].title, title) == 0)
			return &service->sites[i];
	return NULL;
}

static struct site *add_site(struct tls_service *service)
{
	struct site s = {.ctx = new_context(service)};
	if (s.ctx == NULL)
		return NULL;
	service->sites = xreallocarray(service->sites, service->site_count + 1, sizeof(s));
	service->sites[service->site_count] = s;
	return &service->sites[service->site_count++];
}

static void add_names(struct site *s, const struct tls_identity *id)
{
	s->names = xreallocarray(s->names, s->name_count + id->name_count, sizeof(*s->names));
	for (size_t i = 0; i < id->name_count; i++)
		s->names[s->name_count++] = xstrdup(id->names[i]);
	s->title = s->names[0];
}

static void reset_sites(struct tls_service *service)
{
	for (size_t i = 0; i < service->site_count; i++) {
		struct site *s = &service->sites[i];
		SSL_CTX_free(s->ctx);
		for (size_t k = 0; k < s->name_count; k++)
			free(s->names[k]);
		free(s->names);
	}
	free(service->sites);
	service->sites = NULL;
	service->site_count = 0;
}

/* Sessions that are there keep the context they have. */
static void refresh(struct tls_service *service)
{
	const struct tls_identities *all = tls_keys_identities();
	reset_sites(service);
	for (size_t i = 0; i < all->count; i++) {
		const struct tls_identity *id = &all->list[i];
		struct site *s = find_title(service, id->names[0]);
		bool fresh = s == NULL;
		if (fresh)
			s = add_site(service);
		if (s != NULL && add_certificate(s->ctx, id)) {
			add_names(s, id);
		} else if (s != NULL && fresh) {
			SSL_CTX_free(s->ctx);
			service->site_count--;
		}
	}
}

void tls_services_refresh(void)
{
	for (size_t i = 0; i < TLS_SERVICES; i++)
		for (size_t k = 0; k < 2; k++)
			if (services[i][k] != NULL)
				refresh(services[i][k]);
}

struct tls_service *tls_service_get(enum tls_service_id id, bool ask_certificate)
{
	struct tls_service **s = &services[id][ask_certificate];
	if (*s == NULL) {
		*s = xcalloc(1, sizeof(**s));
		(*s)->id = id;
		(*s)->ask_certificate = ask_certificate;
		refresh(*s);
	}
	return *s;
}

bool tls_service_is_ready(const struct tls_service *service)
{
	return service != NULL && service->site_count > 0;
}

SSL *tls_service_open(struct tls_service *service, struct tls_stream *stream)
{
	SSL *ssl = tls_service_is_ready(service) ? SSL_new(service->sites[0].ctx) : NULL;
	if (ssl == NULL)
		return NULL;
	SSL_set_app_data(ssl, stream);
	SSL_set_accept_state(ssl);
	return ssl;
}
