/* SPDX-License-Identifier: ISC
 *
 * The configuration, parsed once into typed values. conf_parse knows every
 * option (conf-options.def: name, kind, default, bounds, one line of help) and
 * reports every fault it finds, each with its line and what to write instead.
 */
#ifndef POSTERN_CONF_H
#define POSTERN_CONF_H

#include "common/answers.h"
#include "common/conf-listener.h"
#include "common/conf-remote.h"
#include "common/conf-system.h"
#include "common/log.h"
#include "common/str.h"

struct conf_network {
	int family; /* AF_INET, AF_INET6 */
	uint8_t address[16];
	unsigned prefix;
};

struct conf_networks {
	struct conf_network *list;
	size_t count;
};

struct conf_smtp {
	uint64_t message_max;		  /* octets; default 50 MiB */
	unsigned recipients_max;	  /* per transaction; default 1000 */
	unsigned connections_max;	  /* all workers together; default 10000 */
	unsigned connections_per_address; /* default 100; "networks" members: no limit */
	unsigned commands_per_minute;	  /* default 1200 per session, not counting pipelined mail
					     transactions' own */
	unsigned bad_commands_max;	  /* default 10 */
	unsigned messages_per_session;	  /* default 1000 (RFC 9422 MAILMAX); networks: no limit */
	unsigned header_max;		  /* octets of the header; default 256 KiB */
	unsigned hops_max;		  /* Received fields; default 50 */
	unsigned command_timeout;	  /* seconds for one command; default 300 */
	unsigned data_timeout;		  /* seconds without any content; default 180 */
	unsigned session_timeout;	  /* seconds, a whole session; default 3600 */
	unsigned login_failures_max;	  /* of one session; default 3 */
	bool plaintext_login;		  /* AUTH without TLS; default: loopback only */
	unsigned data_rate_min;		  /* octets per second over a whole content; default 100 */
	bool
	    bare_newline_refuse; /* default true; false: bare LF is made CRLF for "networks" only */
};

struct conf_submission {
	bool sender_owned;		      /* MAIL FROM is the user's own; default true */
	bool header_from_owned;		      /* and From; default true */
	unsigned recipients_per_hour;	      /* of one user; default 1000; 0: no limit */
	unsigned recipients_per_day;	      /* default 5000 */
	unsigned address_recipients_per_hour; /* from one client address; default 5000 */
	unsigned network_recipients_per_hour; /* from one /24 or /64; default 20000 */
	bool over_limit_hold; /* keep it for the operator; default: refuse with 4xx */
};

struct conf_pop3 {
	unsigned connections_max;	  /* default 2000 */
	unsigned connections_per_address; /* default 50 */
	unsigned sessions_max;		  /* open mailboxes; default 500 */
	unsigned login_timeout;		  /* seconds; default 60 */
	unsigned idle_timeout;		  /* seconds; default 600 (RFC 1939 §3) */
	unsigned login_failures_max;	  /* per connection; default 3 */
	bool plaintext_login;		  /* USER/PASS without TLS; default: loopback only */
};

/* Logins of SMTP and POP3. */
struct conf_sasl {
	struct conf_name_list mechanisms; /* as written; see `offer` */
	unsigned offer;		 /* mask of enum auth_mechanism; 0: what the users' passwords allow */
	unsigned threads;	 /* that hash passwords; default: processors, at most 4 */
	char *state;		 /* directory for what is known of failures; default: STATEDIR/auth, or
				    beside a spool that is elsewhere */
	unsigned failures;	 /* of one address before it is refused; default 10 */
	unsigned login_failures; /* of one login; default 30 */
	unsigned refuse;	 /* seconds; default 15 min */
	unsigned forget;	 /* seconds without a failure; default 1 h */
	unsigned cache_size;	 /* logins; default 10000 */
	unsigned cache_time;	 /* seconds; default 1 h */
	struct conf_networks front_ends; /* clients that log in for others, as webmail does */
};

struct conf_queue {
	uint64_t spool_max;	    /* octets the spool may take; 0: the file system's size */
	uint64_t space_min;	    /* refuse mail below this much free space; default 64 MiB */
	unsigned segment_size;	    /* octets; default 32 MiB */
	unsigned retry_first;	    /* seconds; default 60 */
	unsigned retry_max;	    /* seconds; default 4 hours */
	unsigned lifetime;	    /* seconds; default 5 days */
	unsigned local_concurrency; /* deliveries under way to deliver-local; default 512 */
	bool hold_local;	    /* accept and keep, deliver nothing locally; default false */
	unsigned delay_notice;	    /* seconds after which a sender is told that its mail waits; 0:
				       never; default 4 h */
	unsigned bounce_size; /* octets; a larger message comes back as its header only; default 50
				 KiB */
	char *templates;      /* directory with texts for bounces; NULL: the built-in ones */
};

struct conf {
	char *hostname;	  /* default: the system's, when it is a full name */
	char *postmaster; /* where postmaster mail of every domain goes; may be NULL */
	struct conf_listener *listeners;
	size_t listener_count;
	struct conf_networks networks; /* may relay; default 127.0.0.0/8 and ::1 */
	/* Of certificates (DER) of clients that may relay. */
	struct conf_fingerprint *relay_fingerprints;
	size_t relay_fingerprint_count;
	/* Paths are absolute after parsing (relative ones: beside the configuration file). */
	char
	    *tables; /* directory of the text tables and their .db files; default: the file's own */
	char *mailboxes; /* template: %d domain, %n local part, %u address; must end the same for
			    all */
	char *spool;	 /* default POSTERN_SPOOLDIR */
	char *run;	 /* sockets and the pid file; default POSTERN_RUNDIR */
	char *recipient_delimiter; /* default "+"; "" for none */
	unsigned workers;	   /* of smtpd and pop3d; default: processors, at most 8 */
	enum log_sink log_sink;
	enum log_format log_format;
	char *log_path; /* LOG_SINK_FILE */
	bool log_verbose;
	struct conf_smtp smtp;
	struct conf_submission submission;
	struct conf_pop3 pop3;
	struct conf_sasl auth;
	struct conf_queue queue;
	struct conf_resolver resolver;
	struct conf_remote remote;
	struct conf_system system;
	struct conf_certificate *certificates;
	size_t certificate_count;
	struct conf_relay *relays;
	size_t relay_count;
	struct conf_lmtp *lmtps;
	size_t lmtp_count;
	struct conf_destination *destinations;
	size_t destination_count;
};

struct conf_fault {
	unsigned line; /* 0: the file as a whole */
	char *text;    /* what is wrong and what to write instead */
};

struct conf_faults {
	struct conf_fault *list;
	size_t count;
};

/* `path` names the file in faults and is what relative paths are relative to; `text` is its
 * content. Opens nothing. Returns NULL when there is any fault. */
struct conf *conf_parse(const char *path, const char *text, size_t n, struct conf_faults *faults);
void conf_free(struct conf *conf);
void conf_faults_free(struct conf_faults *faults);

/* The octets of a client address are in one of the "networks". */
bool conf_is_own_network(const struct conf *conf, const struct sockaddr *client);
/* The same of the "front-ends". */
bool conf_is_front_end(const struct conf *conf, const struct sockaddr *client);
/* A certificate with this SHA-256 is one of "relay-fingerprints". */
bool conf_may_relay(const struct conf *conf, const uint8_t sha256[32]);

#endif
