/* SPDX-License-Identifier: ISC
 *
 * sendmail's end of an SMTP connection to RUN/sendmail.sock: octets out, replies
 * in, a limit on every wait. What is said is smtp-submit.c's.
 */
#ifndef POSTERN_CONTROL_SMTP_CLIENT_H
#define POSTERN_CONTROL_SMTP_CLIENT_H

#include "control/smtp-reply.h"

#include "common/buf.h"

enum smtp_extension {
	SMTP_8BITMIME = 1 << 0,
	SMTP_SIZE = 1 << 1,
	SMTP_DSN = 1 << 2,
	SMTP_SMTPUTF8 = 1 << 3,
};

enum { SMTP_CLIENT_OUT_MAX = 4 * 1024 * 1024 };

struct smtp_client {
	int fd;
	bool verbose;	       /* the dialog goes to stderr */
	unsigned extensions;   /* mask of enum smtp_extension */
	char origin[256];      /* what the server calls itself */
	size_t recipients_max; /* of one transaction */
	struct buf in;
	struct buf out;		 /* what is sent next */
	struct smtp_reply reply; /* the last one; its text is in `in` */
};

/* Those that return int return a status of sysexits.h, and have said what is wrong on stderr unless
 * it is EX_OK; a reply of any code is EX_OK. */

/* The server's socket in the run directory; -1 after having said what to do. */
int smtp_client_connect(const char *run);
/* Takes a connected socket; reads the greeting, says EHLO and learns. A refusal is a status. */
int smtp_client_open(struct smtp_client *c, int fd, bool verbose);
/* Sends `out`, a command, and reads its reply. */
int smtp_client_command(struct smtp_client *c);
/* Sends `out`, a piece of content. False when the connection is lost or the server has spoken out
 * of turn: then smtp_client_finish has the reason. */
bool smtp_client_stream(struct smtp_client *c);
/* The reply after the content. */
int smtp_client_finish(struct smtp_client *c);
/* QUIT; closes. */
void smtp_client_close(struct smtp_client *c);

/* Prints the last reply, with what it is about in front; its meaning as an exit status. */
int smtp_client_complain(const struct smtp_client *c, enum smtp_stage stage, struct str about);

#endif
