/* SPDX-License-Identifier: ISC */
#include "keys/tickets.h"
#include "common/log.h"

#include <openssl/rand.h>
#include <sysexits.h>

struct secret {
	uint8_t name[TICKET_KEY_NAME_SIZE];
	uint8_t aes[TICKET_KEY_SIZE];
	uint8_t hmac[TICKET_KEY_SIZE];
};

static struct {
	struct secret secrets[2]; /* current, the one before */
	size_t count;
} rings[TLS_SERVICES];

void tickets_rotate(void)
{
	for (unsigned i = 0; i < TLS_SERVICES; i++) {
		rings[i].secrets[1] = rings[i].secrets[0];
		rings[i].count += rings[i].count < 2;
		if (RAND_bytes((uint8_t *)&rings[i].secrets[0], sizeof(struct secret)) != 1)
			log_fatal(EX_OSERR, "there are no random numbers");
	}
}

static struct ticket_key row_of(const struct secret *s)
{
	return (struct ticket_key){.name = str_from((const char *)s->name, sizeof(s->name)),
	    .aes = str_from((const char *)s->aes, sizeof(s->aes)),
	    .hmac = str_from((const char *)s->hmac, sizeof(s->hmac))};
}

void tickets_send(struct channel *channel, enum tls_service_id service)
{
	struct ticket_key keys[2];
	for (size_t i = 0; i < rings[service].count; i++)
		keys[i] = row_of(&rings[service].secrets[i]);
	const struct msg_ticket_keys m = {
	    .service = (uint8_t)service, .keys = keys, .keys_count = rings[service].count};
	msg_ticket_keys_send(channel, &m, NULL);
}
