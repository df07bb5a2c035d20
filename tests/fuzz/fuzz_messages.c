/* SPDX-License-Identifier: ISC
 *
 * Every packet that a side of an edge would accept is what it would have sent:
 * decoded and encoded again it is the same octets. Input: the side, then a packet.
 */
#include "common/msg-directory-session.h"
#include "common/msg-keys.h"
#include "common/msg-operator-control.h"
#include "common/msg-operator-directory.h"
#include "common/msg-operator-queue.h"
#include "common/msg-users.h"
#include "common/msg-owner.h"
#include "common/msg-session-child.h"
#include "common/msg-directory-pam.h"
#include "common/msg-pop3d-directory.h"
#include "common/msg-pop3d-session.h"
#include "common/msg-queue-directory.h"
#include "common/msg-queue-local.h"
#include "common/msg-queue-remote.h"
#include "common/msg-remote-directory.h"
#include "common/msg-remote-resolver.h"
#include "common/msg-smtpd-directory.h"
#include "common/msg-smtpd-queue.h"
#include "common/msg-supervision.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct edge_side *const sides[] = {&supervision_server, &supervision_client,
    &smtpd_directory_server, &smtpd_directory_client, &smtpd_queue_server, &smtpd_queue_client,
    &queue_local_server, &queue_local_client, &pop3d_directory_server, &pop3d_directory_client,
    &directory_session_server, &directory_session_client, &pop3d_session_server,
    &pop3d_session_client, &operator_queue_server, &operator_queue_client, &operator_control_server,
    &operator_control_client, &queue_directory_server, &queue_directory_client,
    &queue_remote_server, &queue_remote_client, &remote_directory_server, &remote_directory_client,
    &remote_resolver_server, &remote_resolver_client, &keys_server, &keys_client, &users_server,
    &users_client, &owner_server, &owner_client, &session_child_server, &session_child_client,
    &directory_pam_server, &directory_pam_client, &operator_directory_server,
    &operator_directory_client};

static void check_round_trip(const struct msg_row *row, struct str body, struct pool *pool)
{
	struct wire_reader r = {.p = (const uint8_t *)body.p, .n = body.n, .pool = pool};
	struct buf again = BUF_INIT(PACKET_MAX * 2);
	struct wire_writer w = {.buf = &again};
	void *v = pool_alloc(pool, row->size);
	if (v == NULL)
		abort();
	row->get(&r, v);
	row->put(&w, v);
	if (!wire_reader_done(&r) || w.failed || !str_eq(buf_str(&again), body))
		abort();
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	const struct edge_side *side = sides[data[0] % (sizeof(sides) / sizeof(sides[0]))];
	struct pool *pool = pool_new((size_t)64 << 20);
	struct str packet = str_from(data + 1, size - 1);
	if (channel_try_packet(side, (const uint8_t *)packet.p, packet.n, pool))
		for (const struct msg_row *row = side->rows; row->name != NULL; row++)
			if (row->id == ((unsigned)data[1] << 8 | data[2]))
				check_round_trip(row, str_skip(packet, 2), pool);
	pool_free(pool);
	return 0;
}
