/* SPDX-License-Identifier: ISC
 *
 * What the connections of a login worker share.
 */
#ifndef POSTERN_POP3D_WORKER_H
#define POSTERN_POP3D_WORKER_H

#include "common/admission.h"
#include "common/channel.h"

struct worker {
	struct channel *directory;   /* NULL while it is restarted */
	struct channel *session;     /* likewise */
	unsigned mechanisms;	     /* that directory lets us offer */
	struct admission *admission; /* NULL: nobody counts */
};

#endif
