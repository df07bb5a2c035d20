/* SPDX-License-Identifier: ISC
 *
 * Words after `postern queue list`, one a line: what is made of them is within its bounds, and
 * the filter made of it says the same twice of a message; without one it lets everything through.
 */
#include "queue/cmd-queue.h"
#include "queue/filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 16 };
#define NOW UINT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct active active;

static void demand(bool it)
{
	if (!it)
		abort();
}

/* One message to two recipients. What is refused is said on stderr, at every second input; the
 * fuzzer and the sanitizers go on writing to theirs. */
static void begin(void)
{
	static const struct recipient to[] = {
	    {.address = {"Ann@Example.org", sizeof("Ann@Example.org") - 1},
		.nexthop = {"mx.example.net", sizeof("mx.example.net") - 1},
		.transport = TRANSPORT_REMOTE},
	    {.address = {"bob@example.com", sizeof("bob@example.com") - 1},
		.transport = TRANSPORT_LOCAL},
	};
	static const struct spool_place place = {.segment = 1, .length = 4000};
	const struct envelope from = {
	    .arrival = NOW - 60000, .reverse_path = STR("s@client.example")};
	FILE *nowhere = fopen("/dev/null", "w");
	demand(nowhere != NULL);
	stderr = nowhere;
	active_init(&active, 1);
	active_on_message(&active, 1, &place, &from, to, 2);
	active_begin(&active);
}

static int split(char *text, char *words[WORDS_MAX + 1])
{
	int n = 0;
	words[n++] = text;
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n' && n < WORDS_MAX) {
			*p = '\0';
			words[n++] = p + 1;
		}
	words[n] = NULL;
	return n;
}

static void check_bounds(const struct queue_options *o)
{
	demand(o->which.sender.n <= ADDRESS_MAX && o->which.recipient.n <= ADDRESS_MAX);
	demand(o->which.destination.n <= NEXTHOP_MAX);
	demand(o->which.before <= NOW);
	demand(o->top >= 1 && o->top <= QUEUE_TOP_MAX);
}

static void check_filter(const struct queue_options *o)
{
	const struct message *m = index_find(&active.messages, 1);
	struct filter *f = filter_new(&o->which);
	bool fits = filter_fits(f, m);
	demand(fits == filter_fits(f, m));
	demand((f == NULL) == !o->filtered);
	demand(f != NULL || fits);
	filter_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 1];
	struct queue_options o;
	if (active.messages.count == 0)
		begin();
	char *text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	if (queue_options_parse(&o, split(text, words), words, NOW)) {
		check_bounds(&o);
		check_filter(&o);
	}
	queue_options_reset(&o);
	free(text);
	return 0;
}
