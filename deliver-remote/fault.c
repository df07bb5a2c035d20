/* SPDX-License-Identifier: ISC */
#include "deliver-remote/fault.h"

#include <errno.h>

static const struct {
	struct str status;
	bool ours;
	const char *words;
} rows[] = {
#define FAULT(id, status, ours, words) {STR(status), ours, words},
    LINK_FAULTS(FAULT)
#undef FAULT
};

struct str fault_status(enum link_fault fault)
{
	return rows[fault].status;
}

bool fault_is_ours(enum link_fault fault)
{
	return rows[fault].ours;
}

const char *fault_words(enum link_fault fault)
{
	return rows[fault].words;
}

enum link_fault fault_from_errno(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return LINK_REFUSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case EAFNOSUPPORT: /* IPv6 is off */
	case EACCES:	   /* a firewall of this machine */
	case EPERM:
		return LINK_UNREACHABLE;
	case ECONNRESET:
	case EPIPE:
		return LINK_RESET;
	case EADDRNOTAVAIL:
		return LINK_SOURCE;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case EADDRINUSE: /* all local ports */
		return LINK_RESOURCES;
	default:
		return LINK_TIMED_OUT;
	}
}
