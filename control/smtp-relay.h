/* SPDX-License-Identifier: ISC
 *
 * sendmail -bs: whoever runs it speaks SMTP with the server himself.
 */
#ifndef POSTERN_CONTROL_SMTP_RELAY_H
#define POSTERN_CONTROL_SMTP_RELAY_H

/* Copies standard input to the socket and the socket to standard output until the server closes.
 * Takes the socket. A status of sysexits.h. */
int smtp_relay(int fd);

#endif
