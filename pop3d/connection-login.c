/* SPDX-License-Identifier: ISC
 *
 * What a connection tells directory of a login.
 */
#include "common/loop.h"
#include "pop3d/connection-internal.h"

/* directory need not keep what nobody goes on with. */
void connection_cancel(struct connection *c)
{
	const struct msg_login_abort m = {.cancel = {.cookie = c->cookie}};
	if (c->worker->directory != NULL)
		msg_login_abort_send(c->worker->directory, &m, NULL);
}

/* False: the question cannot be asked. */
static bool send_begin(struct connection *c)
{
	char client[CLIENT_ADDRESS_MAX];
	struct msg_login_begin m = {.start = {.cookie = c->cookie,
					.session = str_from_cstr(c->session),
					.client = client_format(&c->client, client),
					.mechanism = (uint8_t)c->login.mechanism,
					.has_initial = c->login.has_initial,
					.initial = buf_str(&c->login.message)}};
	auth_start_bind(&m.start, c->login.tls);
	return msg_login_begin_send(c->worker->directory, &m, NULL);
}

static bool send_response(struct connection *c)
{
	const struct msg_login_response m = {
	    .message = {.cookie = c->cookie, .octets = buf_str(&c->login.message)}};
	return msg_login_response_send(c->worker->directory, &m, NULL);
}

void connection_ask(struct connection *c, enum login_next what)
{
	bool asked = c->worker->directory != NULL &&
		     (what == LOGIN_BEGIN ? send_begin(c) : send_response(c));
	login_wipe(&c->login);
	connection_enter(c, CONNECTION_CHECKING);
	c->asked = loop_now_ms();
	c->wake = c->asked + (asked ? CONNECTION_CHECK_MS : 0);
}
