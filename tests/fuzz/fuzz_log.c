/* SPDX-License-Identifier: ISC
 *
 * Whatever is logged, a record is one line of bounded length in valid UTF-8, and in
 * the JSON shape one object.
 */
#include "common/log.h"
#include "common/utf8.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int reading_end = -1;

static void open_pipe(void)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		abort();
	reading_end = ends[0];
	log_set_fd(ends[1]);
}

static void check_line(enum log_format format)
{
	static char line[LOG_LINE_MAX + 2];
	ssize_t n = read(reading_end, line, sizeof(line));
	if (n <= 0 || n > LOG_LINE_MAX)
		abort();
	struct str s = str_from(line, (size_t)n);
	if (str_find(s, '\n') != s.n - 1 || !utf8_is_valid(s))
		abort();
	for (size_t i = 0; i + 1 < s.n; i++)
		if ((uint8_t)s.p[i] < ' ' || s.p[i] == 0x7f)
			abort();
	if (format == LOG_FORMAT_JSON) {
		json_t *json = json_loadb(line, (size_t)n, 0, NULL);
		if (json == NULL)
			abort();
		json_decref(json);
	}
}

/* Pieces of the input, by turns as each kind of value. */
static void write_event(struct str in)
{
	struct log_event ev;
	log_begin(&ev, LOG_INFO, str_head(in, in.n / 4));
	for (unsigned i = 0; in.n > 0; i++) {
		size_t n = str_find(in, '\n');
		struct str value = str_head(in, n);
		if (i % 4 == 0)
			log_str(&ev, "helo", value);
		else if (i % 4 == 1)
			log_address(&ev, "from", value);
		else if (i % 4 == 2)
			log_u64(&ev, "size", value.n);
		else
			log_ms(&ev, "delay", value.n * 12345);
		in = str_skip(in, n + 1);
		/* Values may stand behind it. */
		if (in.n > 0 && in.n < 20)
			log_note(&ev, in);
	}
	log_end(&ev);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (reading_end < 0)
		open_pipe();
	enum log_format format = data[0] & 1 ? LOG_FORMAT_JSON : LOG_FORMAT_LINE;
	log_init("fuzz", "mx.example.org", LOG_SINK_FILE, format, false);
	write_event(str_from(data + 1, size - 1));
	check_line(format);
	return 0;
}
