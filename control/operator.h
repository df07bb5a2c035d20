/* SPDX-License-Identifier: ISC
 *
 * The server of `postern status|reload|stop`: RUN/control.sock. Only root and the
 * user that control runs as may speak; who breaks the protocol loses his own
 * connection.
 */
#ifndef POSTERN_CONTROL_OPERATOR_H
#define POSTERN_CONTROL_OPERATOR_H

#include "common/buf.h"

struct operator_orders {
	bool (*reload)(struct buf *faults); /* false: the faults are lines */
	void (*stop)(void);
};

/* Listens in `run`; -1 with errno. `orders` lives for ever. */
int operator_open(const char *run, const struct operator_orders *orders);

#endif
