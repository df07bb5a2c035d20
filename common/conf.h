/* SPDX-License-Identifier: ISC
 *
 * The configuration, parsed once into typed values. conf_parse knows every
 * option (conf-options.def: name, kind, default, bounds, one line of help) and
 * reports every fault it finds, each with its line and what to write instead.
 */
#ifndef POSTERN_CONF_H
#define POSTERN_CONF_H

#include "common/answers.h"
#include "common/conf-system.h"
#include "common/log.h"
#include "common/str.h"

#include <sys/socket.h>

enum conf_protocol { CONF_SMTP, CONF_POP3 };

/* listen NAME { address = "127.0.0.1:2525" } */
struct conf_listener {
	char *name;
	enum conf_protocol protocol;
	char *address; /* as written: "*:25", "[::1]:25", "127.0.0.1:2525" */
	/* What it stands for: "*" gives one for IPv6 (v6only) and one for IPv4. */
	struct sockaddr_storage sockaddr[2];
	socklen_t sockaddr_len[2];
	size_t sockaddr_count;
	unsigned line;
};

struct conf_network {
	int family; /* AF_INET, AF_INET6 */
	uint8_t address[16];
	unsigned prefix;
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
	unsigned data_rate_min;		  /* octets per second over a whole content; default 100 */
	bool
	    bare_newline_refuse; /* default true; false: bare LF is made CRLF for "networks" only */
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

/* relay NAME { host = "smtp.provider.example:465" ... }: a server that takes our mail for others */
struct conf_relay {
	char *name;
	char *host;	   /* a nexthop in its one text (common/nexthop.h), not "relay:"; written
			      "smtp.example:465", it is "smtp:[smtp.example]:465" here */
	unsigned tls;	   /* enum tls_policy; default: verify with a login, else may */
	bool implicit_tls; /* default: at port 465 */
	char *login;	   /* name of an entry of the table "logins"; NULL: no AUTH */
	struct conf_name_list domains; /* for these domains (".example.org": all below), in lower
					  case; empty: every one without a route */
	unsigned line;
};

/* lmtp NAME { socket = "/run/dovecot/lmtp" } */
struct conf_lmtp {
	char *name;
	char *socket; /* absolute path */
	unsigned line;
};

/* destination "example.org" { concurrency = 2 ... }; fields that the section does not set have the
 * values of the section remote or queue. */
struct conf_destination {
	char *name; /* a nexthop in its one text; ".example.org", in lower case: every one below */
	unsigned concurrency;
	unsigned rate;	      /* deliveries an hour; 0: no limit */
	unsigned retry_first; /* seconds */
	unsigned retry_max;
	unsigned lifetime;
	unsigned line;
};

struct conf_resolver {
	struct conf_name_list
	    forwarders;	     /* "192.0.2.1", "[2001:db8::1]:5353"; empty: from the root */
	char *trust_anchor;  /* a file with DS or DNSKEY records, kept up to date (RFC 5011); NULL:
				the built-in ones */
	bool validate;	     /* default true */
	unsigned timeout;    /* seconds for one question; default 15 */
	unsigned cache_size; /* octets; default 32 MiB */
};

struct conf_remote {
	unsigned concurrency; /* deliveries under way, all destinations together; default 1000 */
	unsigned destination_concurrency; /* to one destination; default 20 */
	unsigned connect_timeout;	  /* seconds; default 30 */
	unsigned greeting_timeout;	  /* default 5 min, as RFC 5321 §4.5.3.2 has it */
	unsigned command_timeout;	  /* default 5 min */
	unsigned data_timeout;		  /* for what makes no progress; default 3 min */
	unsigned end_timeout;	 /* for the reply to the end of the content; default 10 min */
	unsigned reuse_idle;	 /* how long a session waits for more mail; default 2 s */
	unsigned reuse_max;	 /* messages of one session; default 100 */
	unsigned port;		 /* instead of 25; for tests, and for those who know */
	bool ipv4, ipv6;	 /* default both */
	char *source4, *source6; /* addresses to connect from; NULL: the kernel's choice */
	char *helo;		 /* default: hostname */
	unsigned tls;	   /* enum tls_policy for destinations without an entry in the table "tls";
			      default dane */
	char *authorities; /* file of certificates (PEM); default /etc/ssl/certs/ca-certificates.crt
			    */
};

struct conf {
	char *hostname;	  /* default: the system's, when it is a full name */
	char *postmaster; /* where postmaster mail of every domain goes; may be NULL */
	struct conf_listener *listeners;
	size_t listener_count;
	struct conf_network *networks; /* may relay; default 127.0.0.0/8 and ::1 */
	size_t network_count;
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
	struct conf_pop3 pop3;
	struct conf_queue queue;
	struct conf_resolver resolver;
	struct conf_remote remote;
	struct conf_system system;
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

#endif
