/* SPDX-License-Identifier: ISC */
#include "control/letter.h"
#include "control/caller.h"
#include "control/smtp-submit.h"
#include "common/submission-header.h"

#include "common/loop.h"
#include "common/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

static int say(int status, const char *what)
{
	fprintf(stderr, "sendmail: %s\n", what);
	return status;
}

struct letter {
	const struct sendmail_options *o;
	struct smtp_client client;
	struct caller caller;
	struct input input;
	struct recipients recipients;
	struct buf header;
	struct str origin;
	struct str sender;
	uint64_t body;
};

static int read_message(struct letter *l, uint64_t max)
{
	if (input_read(&l->input, STDIN_FILENO, !l->o->ignore_dots, max))
		return EX_OK;
	if (errno == EFBIG) {
		fprintf(stderr, "sendmail: the message is larger than %llu octets (size-max)\n",
		    (unsigned long long)max);
		return EX_DATAERR;
	}
	fprintf(stderr, "sendmail: the message cannot be read or kept: %s\n", strerror(errno));
	return EX_TEMPFAIL;
}

/* -f, else the caller. */
static int choose_sender(struct letter *l)
{
	struct str given = str_from_cstr(l->o->sender);
	if (l->o->sender == NULL)
		given = buf_str(&l->caller.login);
	else if (given.n >= 2 && given.p[0] == '<' && given.p[given.n - 1] == '>')
		given = str_from(given.p + 1, given.n - 2);
	if (given.n == 0)
		return EX_OK;
	bool qualified = str_find(given, '@') < given.n;
	if (recipients_complete(l->recipients.pool, given, qualified, l->origin, &l->sender))
		return EX_OK;
	return say(EX_USAGE, "the sender (-f) is no mail address (RFC 5321)");
}

static int take_arguments(struct letter *l)
{
	for (size_t i = 0; i < l->o->recipient_count; i++) {
		struct str argument = str_from_cstr(l->o->recipients[i]);
		if (!recipients_add_list(&l->recipients, argument, l->origin))
			return say(EX_USAGE, l->recipients.why);
	}
	return EX_OK;
}

static bool on_recipient(void *ctx, struct str address, bool qualified)
{
	struct letter *l = ctx;
	return recipients_add(&l->recipients, address, qualified, l->origin);
}

/* A Message-ID's left part: no two are ever the same. */
static void make_unique(char out[64])
{
	uint64_t random = 0;
	(void)!getrandom(&random, sizeof(random), 0);
	snprintf(out, 64, "%llu.%d.%016llx", (unsigned long long)loop_wall_ms(), (int)getpid(),
	    (unsigned long long)random);
}

static int make_header(struct letter *l)
{
	struct submission_fault fault;
	size_t used = 0;
	char unique[64];
	size_t room = SUBMISSION_HEADER_MAX + 4096;
	char *head = xmalloc(room);
	ssize_t n = input_get(&l->input, 0, head, room);
	make_unique(unique);
	const struct submission s = {.origin = l->origin,
	    .sender = l->sender,
	    .full_name =
		l->o->full_name != NULL ? str_from_cstr(l->o->full_name) : buf_str(&l->caller.name),
	    .unique = str_from_cstr(unique),
	    .now_ms = loop_wall_ms(),
	    .extract = l->o->extract_recipients,
	    .on_recipient = on_recipient,
	    .ctx = l};
	int status = EX_OK;
	if (n < 0)
		status = say(EX_IOERR, "the message cannot be read again");
	else if (!submission_header(&s, str_from(head, (size_t)n), &l->header, &used, &fault))
		status = EX_DATAERR;
	if (status == EX_DATAERR)
		fprintf(stderr, "sendmail: %s%s%s\n", fault.field,
		    fault.field[0] == '\0' ? "" : ": ",
		    fault.why != NULL ? fault.why : l->recipients.why);
	l->body = used;
	free(head);
	return status;
}

static int prepare(struct letter *l)
{
	int status = choose_sender(l);
	if (status == EX_OK)
		status = take_arguments(l);
	if (status == EX_OK)
		status = make_header(l);
	if (status == EX_OK && l->recipients.count == 0)
		status = say(EX_USAGE,
		    l->o->extract_recipients
			? "no recipients: the header has no To, Cc or Bcc with an address"
			: "no recipients: name them, or use -t to take them from the header");
	return status;
}

static int hand_over(struct letter *l)
{
	const struct smtp_message m = {.sender = l->sender,
	    .recipients = &l->recipients,
	    .notify = l->o->notify,
	    .ret = l->o->ret,
	    .envid = str_from_cstr(l->o->envid),
	    .header = buf_str(&l->header),
	    .input = &l->input,
	    .body = l->body};
	return smtp_submit(&l->client, &m);
}

static int converse(struct letter *l, const char *run)
{
	int fd = smtp_client_connect(run);
	if (fd < 0)
		return EX_TEMPFAIL;
	int status = smtp_client_open(&l->client, fd, l->o->verbose);
	l->origin = str_from_cstr(l->client.origin);
	if (status == EX_OK)
		status = prepare(l);
	if (status == EX_OK)
		status = hand_over(l);
	smtp_client_close(&l->client);
	return status;
}

int letter_submit(const struct sendmail_options *o, const char *run, uint64_t message_max)
{
	struct letter l = {.o = o, .header = BUF_INIT(2 * SUBMISSION_HEADER_MAX)};
	/* Nothing is connected to before the end of the message: its writer may take hours. */
	if (o->recipient_count == 0 && !o->extract_recipients)
		return say(
		    EX_USAGE, "no recipients: name them, or use -t to take them from the header");
	int status = read_message(&l, message_max);
	caller_find(&l.caller);
	recipients_init(&l.recipients);
	if (status == EX_OK)
		status = converse(&l, run);
	recipients_release(&l.recipients);
	caller_release(&l.caller);
	input_release(&l.input);
	buf_release(&l.header);
	return status;
}
