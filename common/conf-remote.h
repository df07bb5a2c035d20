/* SPDX-License-Identifier: ISC
 *
 * Part of the configuration (conf.h): how mail leaves, and by whose servers.
 */
#ifndef POSTERN_CONF_REMOTE_H
#define POSTERN_CONF_REMOTE_H

#include "common/conf-names.h"

#include <stdbool.h>

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
	char *certificate; /* shown to it when it asks, in lower case; NULL: none */
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
	bool chunking;		 /* BDAT instead of DATA; default false */
	unsigned port;		 /* instead of 25; for tests, and for those who know */
	bool ipv4, ipv6;	 /* default both */
	char *source4, *source6; /* addresses to connect from; NULL: the kernel's choice */
	char *helo;		 /* default: hostname */
	unsigned tls;	   /* enum tls_policy for destinations without an entry in the table "tls";
			      default dane */
	char *authorities; /* file of certificates (PEM); default /etc/ssl/certs/ca-certificates.crt
			    */
	char *certificate; /* name of sections: shown to servers that ask, in lower case; NULL: none
			    */
};

#endif
