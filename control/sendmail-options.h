/* SPDX-License-Identifier: ISC
 *
 * The command line of sendmail(1), mailq(1) and newaliases(1) as programs use
 * it. What has a meaning here is taken, what had one only in another mail
 * system is accepted and forgotten, and what would silently do something else
 * than asked is refused with what to do instead.
 */
#ifndef POSTERN_CONTROL_SENDMAIL_OPTIONS_H
#define POSTERN_CONTROL_SENDMAIL_OPTIONS_H

#include "common/envelope.h"

enum sendmail_mode {
	SENDMAIL_SUBMIT,       /* a message on standard input */
	SENDMAIL_SMTP,	       /* -bs */
	SENDMAIL_LIST_QUEUE,   /* -bp, mailq */
	SENDMAIL_BUILD_TABLES, /* -bi, newaliases */
	SENDMAIL_RUN_QUEUE,    /* -q */
};

struct sendmail_options {
	enum sendmail_mode mode;
	bool extract_recipients; /* -t */
	bool ignore_dots;	 /* -i */
	bool verbose;		 /* -v */
	const char *sender;	 /* -f, -r; NULL: the caller. "" and "<>" are the null sender */
	const char *full_name;	 /* -F; NULL: the caller's */
	const char *conf_path;	 /* -C; NULL: the default */
	const char *envid;	 /* -V; NULL: none */
	unsigned notify;	 /* -N, mask of enum notify; 0: not given */
	enum ret ret;		 /* -R */
	char **recipients;	 /* the rest of argv */
	size_t recipient_count;
	char why[256]; /* what is wrong with the command line and what to write instead */
};

/* EX_OK, or EX_USAGE with `why`. The strings are argv's. */
int sendmail_options_parse(struct sendmail_options *o, int argc, char **argv);

#endif
