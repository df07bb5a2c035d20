/* SPDX-License-Identifier: ISC */
#include "queue/cmd-queue.h"
#include "queue/recipient-state.h"
#include "common/queue-id.h"

#include <getopt.h>
#include <stdlib.h>

static const struct {
	const char *name;
	uint16_t states;
} states[] = {
    {"active", RECIPIENT_READY | RECIPIENT_ACTIVE | RECIPIENT_VISIBLE},
    {"deferred", RECIPIENT_DEFERRED},
    {"held", RECIPIENT_HELD},
    {"failed", RECIPIENT_FAILED},
};

static bool parse_state(struct queue_options *o, const char *text)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(text, states[i].name) == 0)
			o->which.states |= states[i].states;
	if (o->which.states == 0)
		fprintf(stderr,
		    "postern: the states are active, deferred, held and failed, not %s\n", text);
	return o->which.states != 0;
}

/* "90s", "15m", "2h", "3d", "1w" before `now`, in milliseconds. */
static bool parse_older(struct queue_options *o, const char *text, uint64_t now)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && n <= 1000000 && end[0] != '\0' && end[1] == '\0')
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (*end == units[i].letter && n * units[i].seconds * 1000 < now)
				o->which.before = now - n * units[i].seconds * 1000;
	if (o->which.before == 0)
		fprintf(stderr, "postern: --older %s: write a time like 90s, 15m, 2h, 3d or 1w\n",
		    text);
	return o->which.before != 0;
}

static bool parse_top(struct queue_options *o, const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*end == '\0' && n > 0 && n <= QUEUE_TOP_MAX) {
		o->top = (unsigned)n;
		return true;
	}
	fprintf(stderr, "postern: --top %s: write a number from 1 to %d\n", text, QUEUE_TOP_MAX);
	return false;
}

static bool parse_text(struct str *out, const char *text, size_t max)
{
	*out = str_from_cstr(text);
	if (out->n > 0 && out->n <= max)
		return true;
	fprintf(stderr, "postern: \"%s\" is %s\n", text, out->n == 0 ? "empty" : "too long");
	return false;
}

static bool parse_ids(struct queue_options *o, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		uint64_t id;
		if (!queue_id_parse(str_from_cstr(argv[i]), &id)) {
			fprintf(stderr,
			    "postern: \"%s\" is not a queue id: see `postern queue list`\n",
			    argv[i]);
			return false;
		}
		queue_ids_add(&o->ids, id);
	}
	return true;
}

static const struct option long_options[] = {
    {"sender", required_argument, NULL, 's'},
    {"recipient", required_argument, NULL, 'r'},
    {"domain", required_argument, NULL, 'd'},
    {"destination", required_argument, NULL, 'd'},
    {"state", required_argument, NULL, 't'},
    {"older", required_argument, NULL, 'o'},
    {"all", no_argument, NULL, 'a'},
    {"yes", no_argument, NULL, 'y'},
    {"top", required_argument, NULL, 'n'},
    {NULL, 0, NULL, 0},
};

static bool take(struct queue_options *o, int option, uint64_t now)
{
	o->filtered |= strchr("srdto", option) != NULL;
	switch (option) {
	case 's':
		return parse_text(&o->which.sender, optarg, ADDRESS_MAX);
	case 'r':
		return parse_text(&o->which.recipient, optarg, ADDRESS_MAX);
	case 'd':
		return parse_text(&o->which.destination, optarg, NEXTHOP_MAX);
	case 't':
		return parse_state(o, optarg);
	case 'o':
		return parse_older(o, optarg, now);
	case 'n':
		return parse_top(o, optarg);
	case 'a':
		return o->all = true;
	case 'y':
		return o->yes = true;
	default:
		return false; /* getopt has said what */
	}
}

bool queue_options_parse(struct queue_options *o, int argc, char **argv, uint64_t now)
{
	int option;
	*o = (struct queue_options){.which = {.limit = UINT32_MAX}, .top = QUEUE_TOP_DEFAULT};
	optind = 0;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		if (!take(o, option, now))
			return false;
	return parse_ids(o, argc - optind, argv + optind);
}

void queue_options_reset(struct queue_options *o)
{
	queue_ids_reset(&o->ids);
}
