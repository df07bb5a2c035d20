/* SPDX-License-Identifier: ISC
 *
 * One row per option. A word may hold several options that take no value
 * ("-ti"), as getopt allows.
 */
#include "control/sendmail-options.h"

#include <stdio.h>
#include <strings.h>
#include <sysexits.h>

enum value_kind {
	NO_VALUE,
	VALUE,	  /* the rest of the word, or the next word */
	ATTACHED, /* the rest of the word, which may be empty */
};

struct option_row {
	char letter;
	enum value_kind kind;
	/* NULL: accepted without meaning. False when `value` is refused; then `why` is set. */
	bool (*take)(struct sendmail_options *o, const char *value);
};

struct mode_row {
	char letter;
	enum sendmail_mode mode;
	const char *refusal; /* NULL: the mode exists */
};

struct notify_row {
	const char *name;
	enum notify flag;
};

static const struct mode_row modes[] = {
    {'m', SENDMAIL_SUBMIT, NULL},
    {'p', SENDMAIL_LIST_QUEUE, NULL},
    {'s', SENDMAIL_SMTP, NULL},
    {'i', SENDMAIL_BUILD_TABLES, NULL},
    {'a', SENDMAIL_SUBMIT, "ARPANET mode is gone: use -bs to speak SMTP"},
    {'d', SENDMAIL_SUBMIT, "the daemon is started with `postern start`"},
    {'D', SENDMAIL_SUBMIT, "the daemon is started with `postern start`"},
    {'h', SENDMAIL_SUBMIT, "there is no host status: see `postern queue list`"},
    {'H', SENDMAIL_SUBMIT, "there is no host status: see `postern queue list`"},
    {'P', SENDMAIL_SUBMIT, "count the queue with `postern queue stats`"},
    {'t', SENDMAIL_SUBMIT, "there are no rewriting rules to test"},
    {'v', SENDMAIL_SUBMIT, "look addresses up with `postern user list` and `postern table show`"},
};

static const struct notify_row notifies[] = {
    {"never", NOTIFY_NEVER},
    {"success", NOTIFY_SUCCESS},
    {"failure", NOTIFY_FAILURE},
    {"delay", NOTIFY_DELAY},
};

static bool refuse(
    struct sendmail_options *o, const char *what, const char *value, const char *remedy)
{
	snprintf(o->why, sizeof(o->why), "%s%.60s: %s", what, value, remedy);
	return false;
}

static bool take_mode(struct sendmail_options *o, const char *value)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (modes[i].letter != value[0] || value[1] != '\0')
			continue;
		o->mode = modes[i].mode;
		return modes[i].refusal == NULL || refuse(o, "-b", value, modes[i].refusal);
	}
	return refuse(o, "-b", value, "the modes are -bm, -bp, -bs and -bi");
}

static bool take_build(struct sendmail_options *o, const char *value)
{
	(void)value;
	o->mode = SENDMAIL_BUILD_TABLES;
	return true;
}

static bool take_run_queue(struct sendmail_options *o, const char *value)
{
	(void)value;
	o->mode = SENDMAIL_RUN_QUEUE;
	return true;
}

static bool take_extract(struct sendmail_options *o, const char *value)
{
	(void)value;
	o->extract_recipients = true;
	return true;
}

static bool take_ignore_dots(struct sendmail_options *o, const char *value)
{
	(void)value;
	o->ignore_dots = true;
	return true;
}

static bool take_verbose(struct sendmail_options *o, const char *value)
{
	(void)value;
	o->verbose = true;
	return true;
}

static bool take_sender(struct sendmail_options *o, const char *value)
{
	o->sender = value;
	return true;
}

static bool take_full_name(struct sendmail_options *o, const char *value)
{
	o->full_name = value;
	return true;
}

static bool take_conf_path(struct sendmail_options *o, const char *value)
{
	o->conf_path = value;
	return true;
}

/* -oi is -i; what else -o sets belongs to another mail system. */
static bool take_short_setting(struct sendmail_options *o, const char *value)
{
	return value[0] != 'i' || take_ignore_dots(o, value);
}

static bool take_long_setting(struct sendmail_options *o, const char *value)
{
	static const char ignore_dots[] = "IgnoreDots=";
	size_t n = sizeof(ignore_dots) - 1;
	if (strncasecmp(value, ignore_dots, n) == 0)
		o->ignore_dots = value[n] != '\0' && strchr("tTyY1", value[n]) != NULL;
	return true;
}

static bool take_body(struct sendmail_options *o, const char *value)
{
	if (strcasecmp(value, "7BIT") == 0 || strcasecmp(value, "8BITMIME") == 0)
		return true;
	return refuse(o, "-B ", value, "write 7BIT or 8BITMIME");
}

static bool take_one_notify(unsigned *mask, struct str word)
{
	for (size_t i = 0; i < sizeof(notifies) / sizeof(notifies[0]); i++) {
		if (str_caseeq(word, str_from_cstr(notifies[i].name))) {
			*mask |= notifies[i].flag;
			return true;
		}
	}
	return false;
}

static bool take_notify(struct sendmail_options *o, const char *value)
{
	unsigned mask = 0;
	struct str rest = str_from_cstr(value);
	do {
		struct str word = str_head(rest, str_find(rest, ','));
		if (!take_one_notify(&mask, word))
			return refuse(
			    o, "-N ", value, "write never, or some of success,failure,delay");
		rest = str_skip(rest, word.n + 1);
	} while (rest.n > 0);
	if ((mask & NOTIFY_NEVER) != 0 && mask != NOTIFY_NEVER)
		return refuse(o, "-N ", value, "never stands alone (RFC 3461 section 4.1)");
	o->notify = mask;
	return true;
}

static bool take_ret(struct sendmail_options *o, const char *value)
{
	o->ret = strcasecmp(value, "full") == 0	  ? RET_FULL
		 : strcasecmp(value, "hdrs") == 0 ? RET_HDRS
						  : RET_NONE;
	return o->ret != RET_NONE || refuse(o, "-R ", value, "write full or hdrs");
}

static bool take_envid(struct sendmail_options *o, const char *value)
{
	size_t n = strlen(value);
	for (size_t i = 0; i < n; i++)
		if (!ascii_is_print(value[i]))
			return refuse(
			    o, "-V", "", "an envelope id is of printable ASCII characters");
	if (n == 0 || n > ENVID_MAX)
		return refuse(o, "-V", "", "an envelope id has 1 to 100 characters");
	o->envid = value;
	return true;
}

static const struct option_row options[] = {
    {'A', ATTACHED, NULL},
    {'B', VALUE, take_body},
    {'C', VALUE, take_conf_path},
    {'D', VALUE, NULL},
    {'F', VALUE, take_full_name},
    {'G', NO_VALUE, NULL},
    {'I', NO_VALUE, take_build},
    {'L', VALUE, NULL},
    {'M', VALUE, NULL},
    {'N', VALUE, take_notify},
    {'O', VALUE, take_long_setting},
    {'R', VALUE, take_ret},
    {'U', NO_VALUE, NULL},
    {'V', VALUE, take_envid},
    {'X', VALUE, NULL},
    {'b', VALUE, take_mode},
    {'d', ATTACHED, NULL},
    {'e', VALUE, NULL},
    {'f', VALUE, take_sender},
    {'h', VALUE, NULL},
    {'i', NO_VALUE, take_ignore_dots},
    {'m', NO_VALUE, NULL},
    {'n', NO_VALUE, NULL},
    {'o', VALUE, take_short_setting},
    {'p', VALUE, NULL},
    {'q', ATTACHED, take_run_queue},
    {'r', VALUE, take_sender},
    {'s', NO_VALUE, NULL},
    {'t', NO_VALUE, take_extract},
    {'v', NO_VALUE, take_verbose},
    {'x', NO_VALUE, NULL},
};

static const struct option_row *find_option(char letter)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static bool take(struct sendmail_options *o, const struct option_row *row, const char *value)
{
	return row->take == NULL || row->take(o, value);
}

/* The options of one word ("-ti", "-fann"); may use up the word after it. */
static bool take_word(struct sendmail_options *o, char **argv, int argc, int *at)
{
	for (const char *p = argv[*at] + 1; *p != '\0'; p++) {
		const char letter[] = {*p, '\0'};
		const struct option_row *row = find_option(*p);
		if (row == NULL)
			return refuse(o, "-", letter, "there is no such option: see sendmail(1)");
		if (row->kind == NO_VALUE) {
			if (!take(o, row, ""))
				return false;
			continue;
		}
		if (p[1] != '\0' || row->kind == ATTACHED)
			return take(o, row, p + 1);
		if (*at + 1 >= argc)
			return refuse(o, "-", letter, "a value must follow: see sendmail(1)");
		return take(o, row, argv[++*at]);
	}
	return true;
}

static enum sendmail_mode mode_of_name(const char *argv0)
{
	struct str name = str_from_cstr(argv0);
	size_t slash = str_rfind(name, '/');
	if (slash < name.n)
		name = str_skip(name, slash + 1);
	if (str_eq(name, STR("mailq")))
		return SENDMAIL_LIST_QUEUE;
	return str_eq(name, STR("newaliases")) ? SENDMAIL_BUILD_TABLES : SENDMAIL_SUBMIT;
}

int sendmail_options_parse(struct sendmail_options *o, int argc, char **argv)
{
	*o = (struct sendmail_options){.mode = mode_of_name(argc > 0 ? argv[0] : "")};
	int at = 1;
	for (; at < argc; at++) {
		if (strcmp(argv[at], "--") == 0) {
			at++;
			break;
		}
		if (argv[at][0] != '-' || argv[at][1] == '\0')
			break;
		if (!take_word(o, argv, argc, &at))
			return EX_USAGE;
	}
	o->recipients = argv + at;
	o->recipient_count = at < argc ? (size_t)(argc - at) : 0;
	return EX_OK;
}
