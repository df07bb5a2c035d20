/* SPDX-License-Identifier: ISC
 *
 * Writes one event into its record, in the line shape or as JSON. An event never
 * grows past LOG_LINE_MAX: what does not fit is cut and marked with "...", and
 * there is always room left to close the record properly.
 */
#include "common/log-internal.h"
#include "common/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	TAIL = 8,	  /* kept for closing: a quote or bracket, "}" and the newline */
	DOTS = 3,	  /* kept for the mark of a value that was cut */
	UNIT_MAX = 20,	  /* one character of four octets, escaped */
	VALUE_LEAST = 64, /* room that a value must have to be begun */
	LOG_ID_MAX = 64,
};

static size_t room(const struct log_event *ev)
{
	return ev->n < LOG_LINE_MAX - TAIL ? LOG_LINE_MAX - TAIL - ev->n : 0;
}

static void put(struct log_event *ev, struct str s)
{
	size_t n = s.n < room(ev) ? s.n : room(ev);
	if (n > 0)
		memcpy(ev->text + ev->n, s.p, n);
	ev->n += n;
}

static void put_cstr(struct log_event *ev, const char *c)
{
	put(ev, str_from_cstr(c));
}

/* For what must be there at the end, however full the record is. */
static void put_tail(struct log_event *ev, const char *c)
{
	while (*c != '\0' && ev->n < LOG_LINE_MAX)
		ev->text[ev->n++] = *c++;
}

static void put_number(struct log_event *ev, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);
	do {
		digits[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(ev, str_from(digits + n, sizeof(digits) - n));
}

static bool is_json(void)
{
	return log_settings.format == LOG_FORMAT_JSON;
}

static size_t escape_octet(uint8_t c, char *out)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;
	out[n++] = '\\';
	if (is_json())
		out[n++] = '\\';
	out[n++] = 'x';
	out[n++] = hex[c >> 4];
	out[n++] = hex[c & 15];
	return n;
}

/* Whether a blank here could be read as the end of the value. */
static bool blank_separates(struct str s, size_t i)
{
	return (i > 0 && s.p[i - 1] == ',') || (i + 1 < s.n && s.p[i + 1] == '(');
}

/* The character at s.p[i], escaped, into `out`; `took` is how many octets it was. */
static size_t escape(struct str s, size_t i, bool value, char out[UNIT_MAX], size_t *took)
{
	uint32_t code;
	size_t n = utf8_decode(str_skip(s, i), &code);
	char c = s.p[i];

	*took = n == 0 ? 1 : n;
	if (n == 0)
		return escape_octet((uint8_t)c, out);
	if (utf8_is_control(code)) {
		size_t written = 0;
		for (size_t k = 0; k < n; k++)
			written += escape_octet((uint8_t)s.p[i + k], out + written);
		return written;
	}
	if (c == '\\' && i + 1 < s.n && s.p[i + 1] == 'x')
		return escape_octet((uint8_t)c, out);
	if (is_json() && (c == '"' || c == '\\')) {
		out[0] = '\\';
		out[1] = c;
		return 2;
	}
	if (!is_json() && value && c == ' ' && blank_separates(s, i))
		return escape_octet((uint8_t)c, out);
	memcpy(out, s.p + i, n);
	return n;
}

/* A run of characters that stand for themselves, the common case. */
static size_t plain_run(struct str s, size_t i)
{
	size_t n = i;
	while (
	    n < s.n && ascii_is_print(s.p[n]) && s.p[n] != '\\' && s.p[n] != '"' && s.p[n] != ' ')
		n++;
	return n - i;
}

/* Callers have checked that DOTS fit. */
static void put_escaped(struct log_event *ev, struct str s, bool value, size_t max)
{
	struct str part = str_head(s, max);
	size_t i = 0;
	while (i < part.n && room(ev) > DOTS) {
		size_t took = plain_run(part, i);
		if (took > 0) {
			took = took < room(ev) - DOTS ? took : room(ev) - DOTS;
			put(ev, str_from(part.p + i, took));
		} else {
			char unit[UNIT_MAX];
			size_t n = escape(part, i, value, unit, &took);
			if (n > room(ev) - DOTS)
				break;
			put(ev, str_from(unit, n));
		}
		i += took;
	}
	if (i < s.n)
		put(ev, STR("..."));
}

static time_t wall_clock(unsigned *ms)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	*ms = (unsigned)(now.tv_nsec / 1000000);
	return now.tv_sec;
}

/* Breaking a time down costs more than all the rest of a line, and it changes once a second. */
static const char *second_text(time_t second)
{
	static char text[32];
	static time_t of = -1;
	static enum log_format in;
	struct tm tm;
	if (second == of && in == log_settings.format)
		return text;
	of = second;
	in = log_settings.format;
	if (is_json())
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&second, &tm));
	else
		strftime(text, sizeof(text), "%b %e %H:%M:%S", localtime_r(&second, &tm));
	return text;
}

static uint64_t pid(void)
{
	return (uint64_t)(log_settings.pid != 0 ? log_settings.pid : getpid());
}

static int priority(const struct log_event *ev)
{
	return LOG_MAIL | (ev->level & LOG_PRIMASK);
}

static void begin_json(struct log_event *ev, struct str id)
{
	static const char *const levels[] = {
	    "fatal", "fatal", "fatal", "error", "warning", "notice", "info", "debug"};
	unsigned ms;
	time_t second = wall_clock(&ms);
	put_cstr(ev, "{\"time\":\"");
	put_cstr(ev, second_text(second));
	const char fraction[] = {
	    '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z'};
	put(ev, str_from(fraction, sizeof(fraction)));
	put_cstr(ev, "\",\"host\":\"");
	put_escaped(ev, str_from_cstr(log_settings.hostname), true, LOG_VALUE_MAX);
	put_cstr(ev, "\",\"program\":\"");
	put_cstr(ev, ev->program);
	put_cstr(ev, "\",\"pid\":");
	put_number(ev, pid());
	put_cstr(ev, ",\"level\":\"");
	put_cstr(ev, levels[ev->level & LOG_PRIMASK]);
	put_cstr(ev, "\"");
	if (id.n > 0) {
		put_cstr(ev, ",\"id\":\"");
		put_escaped(ev, id, true, LOG_ID_MAX);
		put_cstr(ev, "\"");
	}
}

static void begin_line(struct log_event *ev, struct str id)
{
	static const char *const marks[] = {
	    "fatal: ", "fatal: ", "fatal: ", "error: ", "warning: ", "", "", ""};
	unsigned ms;
	if (log_settings.sink != LOG_SINK_STDERR) {
		put_cstr(ev, second_text(wall_clock(&ms)));
		put_cstr(ev, " ");
	}
	if (log_settings.sink == LOG_SINK_FILE) {
		put_escaped(ev, str_from_cstr(log_settings.hostname), true, LOG_VALUE_MAX);
		put_cstr(ev, " ");
	}
	put_cstr(ev, "postern/");
	put_cstr(ev, ev->program);
	put_cstr(ev, "[");
	put_number(ev, pid());
	put_cstr(ev, "]: ");
	put_cstr(ev, marks[ev->level & LOG_PRIMASK]);
	if (id.n > 0) {
		put_escaped(ev, id, true, LOG_ID_MAX);
		put_cstr(ev, ": ");
	}
}

void log_begin(struct log_event *ev, int level, struct str id)
{
	log_begin_as(ev, log_settings.program, level, id);
}

void log_begin_as(struct log_event *ev, const char *program, int level, struct str id)
{
	ev->program = program;
	ev->level = level;
	ev->muted = level == LOG_DEBUG && !log_settings.verbose;
	ev->n = 0;
	ev->values = 0;
	ev->noted = false;
	if (ev->muted)
		return;
	if (log_settings.sink == LOG_SINK_SYSLOG) {
		put_cstr(ev, "<");
		put_number(ev, (uint64_t)priority(ev));
		put_cstr(ev, ">");
	}
	if (is_json())
		begin_json(ev, id);
	else
		begin_line(ev, id);
}

/* False when there is no room for a value of any use, or no use for one. */
static bool begin_value(struct log_event *ev, const char *name)
{
	if (ev->muted || room(ev) < strlen(name) + VALUE_LEAST)
		return false;
	if (is_json()) {
		put_cstr(ev, ",\"");
		put_cstr(ev, name);
		put_cstr(ev, "\":");
	} else {
		put_cstr(ev, ev->noted ? " " : ev->values > 0 ? ", " : "");
		put_cstr(ev, name);
		put_cstr(ev, "=");
	}
	ev->values++;
	return true;
}

static void put_value(
    struct log_event *ev, const char *name, struct str value, const char *open, const char *close)
{
	if (!begin_value(ev, name))
		return;
	put_cstr(ev, open);
	put_escaped(ev, value, true, LOG_VALUE_MAX);
	put_tail(ev, close);
}

void log_str(struct log_event *ev, const char *name, struct str value)
{
	const char *quote = is_json() ? "\"" : "";
	put_value(ev, name, value, quote, quote);
}

void log_address(struct log_event *ev, const char *name, struct str value)
{
	if (is_json())
		put_value(ev, name, value, "\"", "\"");
	else
		put_value(ev, name, value, "<", ">");
}

void log_u64(struct log_event *ev, const char *name, uint64_t value)
{
	if (begin_value(ev, name))
		put_number(ev, value);
}

void log_ms(struct log_event *ev, const char *name, uint64_t ms)
{
	if (!begin_value(ev, name))
		return;
	uint64_t hundredths = ms / 10 + (ms % 10 >= 5);
	put_number(ev, hundredths / 100);
	if (hundredths % 100 == 0)
		return;
	const char fraction[] = {
	    '.', (char)('0' + hundredths / 10 % 10), (char)('0' + hundredths % 10)};
	put(ev, str_from(fraction, hundredths % 10 == 0 ? 2 : 3));
}

void log_note(struct log_event *ev, struct str text)
{
	if (ev->muted || room(ev) < VALUE_LEAST)
		return;
	const char *open = is_json() ? ",\"note\":\"" : ev->values > 0 ? " (" : "";
	const char *close = is_json() ? "\"" : ev->values > 0 ? ")" : "";
	put_cstr(ev, open);
	put_escaped(ev, text, false, LOG_LINE_MAX);
	put_tail(ev, close);
	ev->noted = true;
}

void log_end(struct log_event *ev)
{
	if (ev->muted)
		return;
	if (is_json())
		put_tail(ev, "}");
	put_tail(ev, "\n");
	log_put_line(ev->text, ev->n);
}

__attribute__((format(printf, 2, 0))) static void message(int level, const char *format, va_list ap)
{
	struct log_event ev;
	char text[LOG_LINE_MAX];
	int n = vsnprintf(text, sizeof(text), format, ap);
	log_begin(&ev, level, STR(""));
	if (n > 0)
		log_note(
		    &ev, str_from(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1));
	log_end(&ev);
}

void log_message(int level, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	message(level, format, ap);
	va_end(ap);
}

void log_debug(const char *format, ...)
{
	va_list ap;
	if (!log_settings.verbose)
		return;
	va_start(ap, format);
	message(LOG_DEBUG, format, ap);
	va_end(ap);
}

void log_fatal(int status, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	message(LOG_CRIT, format, ap);
	va_end(ap);
	log_flush();
	_exit(status);
}
