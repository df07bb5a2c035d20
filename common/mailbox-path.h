/* SPDX-License-Identifier: ISC
 *
 * Which directory is an address's mailbox. deliver-local and pop3d-session both
 * compute it from the address alone, so no path ever travels between programs.
 *
 * The template's %d, %n and %u become the domain, the local part and the whole
 * address in lower case. Each becomes at most one path component: "/", NUL,
 * blanks, control characters, "%", a leading "." and a component longer than 250 octets
 * are written as %HH or refused, so that nothing leaves the template's directory
 * and two addresses never share a mailbox.
 */
#ifndef POSTERN_MAILBOX_PATH_H
#define POSTERN_MAILBOX_PATH_H

#include "common/buf.h"

/* What is wrong with a template, to follow its name in a sentence; NULL when nothing is. */
const char *mailbox_template_fault(const char *template);
/* The fixed leading directories of the template, without a trailing "/": what programs open and
 * confine themselves to. "/var/mail/virtual/%d/%n" -> "/var/mail/virtual". */
bool mailbox_root(const char *template, struct buf *out);
/* The rest for this (canonical) address, relative to the root: "example.org/ann". False when
 * there can be no such mailbox. Appends no NUL. */
bool mailbox_path(const char *template, struct str address, struct buf *out);

#endif
