/* SPDX-License-Identifier: ISC
 *
 * What goes wrong on the way to another server before it takes mail, by kind: what is said of it,
 * and what it tells of the destination.
 */
#ifndef POSTERN_REMOTE_FAULT_H
#define POSTERN_REMOTE_FAULT_H

#include "common/str.h"

/*   FAULT(id, "status", ours, "words")   ours: it says nothing of the destination */
#define LINK_FAULTS(FAULT)                                                                         \
	FAULT(NONE, "", false, "no fault")                                                         \
	FAULT(REFUSED, "4.4.1", false, "Connection refused")                                       \
	FAULT(TIMED_OUT, "4.4.1", false, "Connection timed out")                                   \
	FAULT(UNREACHABLE, "4.4.1", false, "Network is unreachable")                               \
	FAULT(RESET, "4.4.2", false, "Connection reset by peer")                                   \
	FAULT(CLOSED, "4.4.2", false, "connection closed before the greeting")                     \
	FAULT(SILENT, "4.4.2", false, "no greeting in time")                                       \
	FAULT(GREETING, "4.3.2", false, "takes no mail now")                                       \
	FAULT(LOST, "4.4.2", false, "connection lost")                                             \
	FAULT(NO_SMTP, "4.5.0", false, "does not speak SMTP")                                      \
	FAULT(TLS, "4.7.5", false, "TLS failed")                                                   \
	FAULT(TLS_POLICY, "4.7.5", false, "TLS as demanded is not possible")                       \
	FAULT(KEYS, "4.3.0", true, "our certificate cannot be shown")                              \
	FAULT(LOGIN, "4.7.0", false, "does not let us log in")                                     \
	FAULT(DNS, "4.4.3", true, "DNS")                                                           \
	FAULT(SELF, "4.4.6", false, "is this server")                                              \
	FAULT(SOURCE, "4.3.5", true, "cannot connect from the configured address")                 \
	FAULT(RESOURCES, "4.3.1", true, "no descriptors are left")                                 \
	FAULT(STOPPING, "4.3.2", true, "this server is stopping")                                  \
	FAULT(SOCKET, "4.4.1", false, "the LMTP socket cannot be reached")

enum link_fault {
#define FAULT(id, status, ours, words) LINK_##id,
	LINK_FAULTS(FAULT)
#undef FAULT
};

struct str fault_status(enum link_fault fault);
bool fault_is_ours(enum link_fault fault);
const char *fault_words(enum link_fault fault);
/* What connect and the like say in errno. */
enum link_fault fault_from_errno(int error);

#endif
