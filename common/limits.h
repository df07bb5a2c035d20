/* SPDX-License-Identifier: ISC
 *
 * Sizes that more than one program must agree on, in octets unless said
 * otherwise. What an operator may change is in conf.h instead.
 */
#ifndef POSTERN_LIMITS_H
#define POSTERN_LIMITS_H

enum {
	LOCAL_PART_MAX = 64,	 /* RFC 5321 §4.5.3.1.1 */
	DOMAIN_MAX = 255,	 /* RFC 5321 §4.5.3.1.2 */
	ADDRESS_MAX = 320,	 /* local part, "@", domain */
	MAILBOX_PATH_MAX = 1024, /* expanded "mailboxes" template */
	NEXTHOP_MAX = 255,
	USER_NAME_MAX = 64,	 /* of a user of the machine; useradd takes 32 */
	SYSTEM_MAILBOX_MAX = 200, /* "~/Maildir" */
	SECTION_NAME_MAX = 40, /* of a relay, an lmtp socket, a listener */
	HELO_MAX = 255,
	ENVID_MAX = 100,	  /* RFC 3461 §4.4 */
	ORCPT_MAX = 500,	  /* RFC 3461 §4.2 */
	CLIENT_ADDRESS_MAX = 64,  /* "[IPv6:...]" or "local uid 4294967295" */
	SESSION_ID_MAX = 24,
	LOGIN_MAX = 320,
	PASSWORD_MAX = 1024,
	AUTH_MESSAGE_MAX = 2048, /* one message of a SASL mechanism, decoded */
	TICKET_SIZE = 16,
	REMOTE_TEXT_MAX = 512,	  /* what another server said, sanitised to printable */
	ENHANCED_CODE_MAX = 12,	  /* "5.999.999" */
	REASON_MAX = 512,
	RELAY_MAX = 320,	  /* "host[address]:port" */
	TRIED_MAX = 12,		  /* hosts that are told of beside the one that decided */
	MX_HOSTS_MAX = 50,
	IP_ADDRESSES_MAX = 50,
	TLSA_MAX = 20,
	TLSA_DATA_MAX = 4096,
	TXT_MAX = 4096,
	TXTS_MAX = 20,
	PTR_NAMES_MAX = 20,
	KEY_VERDICT_MAX = 1024, /* what is wrong with a certificate's files */
	CERTIFICATE_MAX = 16 * 1024, /* one of a chain, DER */
	IDENTITY_NAMES_MAX = 100,
	IDENTITY_CHAIN_MAX = 8,
	TICKET_KEY_NAME_SIZE = 16,
	TICKET_KEY_SIZE = 32,
	DIGEST_MAX = 64,
	SIGNATURE_MAX = 1024,	  /* RSA of 8192 bits */
	INLINE_CONTENT_MAX = 64 * 1024, /* above it a message is a file of its own */
	RECIPIENTS_PER_PACKET = 100,
	RECIPIENTS_MAX = 65535,	  /* of one message, after expansion */
	LIMIT_CLIENTS_MAX = 8,	   /* client addresses in a notice of a passed limit */
	SENDER_ADDRESSES_MAX = 20, /* in the From fields of one message */
	EXPANSION_MAX = 1000,	  /* final recipients that one RCPT may stand for */
	OWNER_DELIVERIES_MAX = 128, /* processes of deliver-owner, each with a channel to deliver-local */
	PACKET_MAX = 160 * 1024,  /* one message between two programs */
};

#endif
