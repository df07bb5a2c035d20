/* SPDX-License-Identifier: ISC
 *
 * Reads a configuration in four steps, each of which reports all it finds: form
 * (conf-scan.c), values (libconfuse unquotes them, conf-value.c types them), lists
 * of addresses (conf-listen.c), and what must hold between values (conf-check.c,
 * conf-titled.c).
 *
 * A configuration can open, look up and run nothing: there is no include, no
 * function and no environment. It may be parsed inside the jail.
 */
#include "common/conf-client.h"
#include "common/conf-internal.h"
#include "common/conf-speak.h"
#include "common/limits.h"
#include "common/mem.h"

#include <confuse.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORKERS_DEFAULT_MAX = 8, HASH_THREADS_MAX = 4, HOSTNAME_SIZE = 256 };

/* --- Faults --- */

void conf_fault(struct conf_faults *faults, unsigned line, const char *format, ...)
{
	va_list ap;
	char text[2048];
	if (faults->count >= CONF_FAULTS_MAX)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (faults->count == CONF_FAULTS_MAX - 1) {
		line = UINT32_MAX;
		snprintf(text, sizeof(text), "there are more faults, which are not shown");
	}
	faults->list = xreallocarray(faults->list, faults->count + 1, sizeof(*faults->list));
	faults->list[faults->count++] = (struct conf_fault){.line = line, .text = xstrdup(text)};
}

void conf_faults_free(struct conf_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		free(faults->list[i].text);
	free(faults->list);
	*faults = (struct conf_faults){0};
}

/* By line, those of the whole file last; equal ones stay in order. */
static void sort_faults(struct conf_faults *faults)
{
	for (size_t i = 1; i < faults->count; i++) {
		struct conf_fault f = faults->list[i];
		size_t k = i;
		while (k > 0 && faults->list[k - 1].line - 1 > f.line - 1) {
			faults->list[k] = faults->list[k - 1];
			k--;
		}
		faults->list[k] = f;
	}
	for (size_t i = 0; i < faults->count; i++)
		if (faults->list[i].line == UINT32_MAX)
			faults->list[i].line = 0;
}

/* --- The machine --- */

/* Asked once, before any jail; a reload inside it finds the answers here. */
static struct {
	bool known;
	char hostname[HOSTNAME_SIZE];
	unsigned processors;
} machine;

static void ask_machine(void)
{
	cpu_set_t set;
	if (machine.known)
		return;
	machine.known = true;
	if (gethostname(machine.hostname, sizeof(machine.hostname) - 1) != 0)
		machine.hostname[0] = '\0';
	machine.processors =
	    sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	if (machine.processors > WORKERS_DEFAULT_MAX)
		machine.processors = WORKERS_DEFAULT_MAX;
}

/* --- libconfuse --- */

/* Where its faults go; there is one parse at a time. The scanner lets nothing through that
 * libconfuse refuses, so one that comes here was missed by it. */
static struct conf_faults *confuse_faults;

__attribute__((format(printf, 2, 0))) static void on_confuse_fault(
    cfg_t *cfg, const char *format, va_list ap)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, ap);
	conf_fault(confuse_faults, cfg == NULL ? 0 : (unsigned)cfg->line, CONF_CONFUSE_SAYS "%s", text);
}

static cfg_opt_t section_options[CONF_SECTIONS][64];

static void add_option(enum conf_section section, cfg_opt_t option)
{
	size_t i = 0;
	while (section_options[section][i].name != NULL)
		i++;
	section_options[section][i] = option;
}

static bool is_list(const struct conf_option *o)
{
	return o->kind == CONF_LIST || o->kind == CONF_NAMES;
}

/* libconfuse's option table, from ours. Every value is text to it: conf-value.c says better what
 * is wrong with one. */
static cfg_opt_t *confuse_options(void)
{
	memset(section_options, 0, sizeof(section_options));
	for (size_t i = 0; i < conf_option_count; i++) {
		const struct conf_option *o = &conf_options[i];
		cfg_opt_t text = CFG_STR(o->name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(o->name, NULL, CFGF_NODEFAULT);
		add_option(o->section, is_list(o) ? list : text);
	}
	for (unsigned i = CONF_IN_top + 1; i < CONF_SECTIONS; i++) {
		enum conf_section id = (enum conf_section)i;
		cfg_flag_t title = conf_may_repeat(id) ? CFGF_NONE : CFGF_TITLE;
		cfg_flag_t flags = conf_is_titled(id) ? CFGF_MULTI | title : CFGF_NODEFAULT;
		cfg_opt_t section = CFG_SEC(conf_section_names[i], section_options[i], flags);
		add_option(CONF_IN_top, section);
	}
	return section_options[CONF_IN_top];
}

/* --- Values --- */

struct reader {
	const char *path;
	struct conf *conf;
	struct conf_faults *faults;
	cfg_t *cfg;
	const struct conf_scan *scan;
};

/* The how many-th of its kind. */
static unsigned place_of(const struct conf_scan *scan, const struct conf_heading *heading)
{
	unsigned place = 0;
	for (const struct conf_heading *h = scan->headings; h < heading; h++)
		place += h->section == heading->section;
	return place;
}

static cfg_t *titled_section(const struct reader *r, const struct conf_heading *heading)
{
	char text[NEXTHOP_MAX + 1];
	const char *name = conf_section_names[heading->section];
	if (conf_may_repeat(heading->section))
		return cfg_getnsec(r->cfg, name, place_of(r->scan, heading));
	snprintf(text, sizeof(text), "%.*s", STR_ARG(heading->title));
	return cfg_gettsec(r->cfg, name, text);
}

static void set_defaults(struct reader *r, void *base, enum conf_section section)
{
	for (size_t i = 0; i < conf_option_count; i++)
		if (conf_options[i].section == section && conf_options[i].standard != NULL)
			conf_set(base, &conf_options[i], (struct conf_source){.path = r->path},
			    conf_options[i].standard, r->faults);
}

static void set_value(struct reader *r, void *base, cfg_t *section, const struct conf_setting *s)
{
	const char *name = s->option->name;
	const struct conf_source source = {.path = r->path, .line = s->line};
	if (section == NULL || s->option->kind == CONF_LIST || s->option->kind == CONF_OTHER)
		return;
	for (unsigned i = 0; i < cfg_size(section, name); i++) {
		const char *value = cfg_getnstr(section, name, i);
		if (value != NULL)
			conf_set(base, s->option, source, value, r->faults);
	}
}

static cfg_t *section_of(struct reader *r, enum conf_section id)
{
	return id == CONF_IN_top ? r->cfg : cfg_getsec(r->cfg, conf_section_names[id]);
}

static void set_values(struct reader *r)
{
	for (unsigned i = 0; i < CONF_SECTIONS; i++)
		if (!conf_is_titled((enum conf_section)i))
			set_defaults(r, r->conf, (enum conf_section)i);
	r->conf->workers = machine.processors;
	r->conf->auth.threads =
	    machine.processors < HASH_THREADS_MAX ? machine.processors : HASH_THREADS_MAX;
	for (size_t i = 0; i < r->scan->setting_count; i++) {
		const struct conf_setting *s = &r->scan->settings[i];
		enum conf_section section = s->option->section;
		if (!conf_is_titled(section))
			set_value(r, r->conf, section_of(r, section), s);
	}
}

/* The struct of one section that has a title. */
static void set_titled(struct reader *r, const struct conf_heading *heading)
{
	void *base = conf_add_titled(r->conf, heading);
	if (base == NULL)
		return;
	cfg_t *section = titled_section(r, heading);
	set_defaults(r, base, heading->section);
	for (size_t i = 0; i < r->scan->setting_count; i++) {
		const struct conf_setting *s = &r->scan->settings[i];
		if (s->option->section == heading->section && s->title.p == heading->title.p)
			set_value(r, base, section, s);
	}
}

static unsigned top_line(const struct reader *r, const char *name)
{
	return conf_line(r->scan, CONF_IN_top, name, (struct str){NULL, 0});
}

static void add_networks(
    struct reader *r, struct conf_networks *to, enum conf_section id, const char *option)
{
	unsigned line = conf_line(r->scan, id, option, (struct str){NULL, 0});
	cfg_t *section = line == 0 ? NULL : section_of(r, id);
	for (unsigned i = 0; section != NULL && i < cfg_size(section, option); i++)
		conf_add_network(to, line, option, cfg_getnstr(section, option, i), r->faults);
}

static void set_networks(struct reader *r)
{
	add_networks(r, &r->conf->networks, CONF_IN_top, "networks");
	add_networks(r, &r->conf->auth.front_ends, CONF_IN_auth, "front-ends");
	if (top_line(r, "networks") != 0)
		return;
	conf_add_network(&r->conf->networks, 0, "networks", "127.0.0.0/8", r->faults);
	conf_add_network(&r->conf->networks, 0, "networks", "[::1]/128", r->faults);
}

static void set_fingerprints(struct reader *r)
{
	unsigned line = top_line(r, "relay-fingerprints");
	for (unsigned i = 0; line != 0 && i < cfg_size(r->cfg, "relay-fingerprints"); i++)
		conf_add_fingerprint(
		    r->conf, line, cfg_getnstr(r->cfg, "relay-fingerprints", i), r->faults);
}

/* One section "listen NAME". */
static void set_listener(struct reader *r, const struct conf_heading *heading)
{
	char name[SECTION_NAME_MAX + 1];
	struct conf_listener like = {.name = NULL};
	const char *example;
	snprintf(name, sizeof(name), "%.*s", STR_ARG(heading->title));
	cfg_t *section = titled_section(r, heading);
	if (section == NULL)
		return;
	const struct conf_speech speech = {.title = heading->title,
	    .protocol = cfg_getstr(section, "protocol"),
	    .tls = cfg_getstr(section, "tls"),
	    .auth = cfg_getstr(section, "auth"),
	    .client_certificates = cfg_getstr(section, "client-certificates"),
	    .has_certificate = conf_has_server_certificate(r->conf)};
	if (!conf_read_speech(&speech, r->scan, heading->line, &like, &example, r->faults))
		return;
	unsigned line = conf_line(r->scan, CONF_IN_listen, "address", heading->title);
	unsigned count = cfg_size(section, "address");
	if (count == 0)
		conf_fault(r->faults, line == 0 ? heading->line : line,
		    "listen %s has no address; write address = \"%s\" into it", name, example);
	for (unsigned i = 0; i < count; i++)
		conf_add_listener(
		    r->conf, name, &like, line, cfg_getnstr(section, "address", i), r->faults);
}

/* Listeners last: what they speak depends on the certificates. */
static void set_sections(struct reader *r)
{
	const struct conf_scan *scan = r->scan;
	for (size_t i = 0; i < scan->heading_count; i++)
		if (scan->headings[i].section != CONF_IN_listen)
			set_titled(r, &scan->headings[i]);
	for (size_t i = 0; i < scan->heading_count; i++)
		if (scan->headings[i].section == CONF_IN_listen)
			set_listener(r, &scan->headings[i]);
}

static void set_families(struct reader *r)
{
	const struct conf_option *option = conf_find_option(CONF_IN_remote, STR("families"));
	unsigned line = conf_line(r->scan, CONF_IN_remote, "families", (struct str){NULL, 0});
	cfg_t *section = line == 0 ? NULL : cfg_getsec(r->cfg, "remote");
	const char *value = section == NULL ? NULL : cfg_getstr(section, "families");
	int word = value == NULL ? 0 : conf_find_word(option, value);
	if (word < 0)
		conf_fault_word(r->faults, line, option, value);
	r->conf->remote.ipv4 = word != 2;
	r->conf->remote.ipv6 = word != 1;
}

static void set_log(struct reader *r)
{
	const char *value = cfg_getstr(r->cfg, "log");
	unsigned line = top_line(r, "log");
	if (line == 0 || value == NULL || strcmp(value, "stderr") == 0) {
		r->conf->log_sink = LOG_SINK_STDERR;
	} else if (strcmp(value, "syslog") == 0) {
		r->conf->log_sink = LOG_SINK_SYSLOG;
	} else if (strchr(value, '/') != NULL) {
		r->conf->log_sink = LOG_SINK_FILE;
		r->conf->log_path = conf_absolute(r->path, value);
	} else {
		conf_fault(r->faults, line,
		    "log = \"%.60s\": it can be stderr, syslog or the path of a file with a slash "
		    "in it",
		    value);
	}
}

/* --- All together --- */

static void read_values(struct reader *r)
{
	r->cfg = cfg_init(confuse_options(), CFGF_NONE);
	if (r->cfg == NULL)
		conf_fault(r->faults, 0, "out of memory");
	if (r->cfg == NULL)
		return;
	confuse_faults = r->faults;
	cfg_set_error_function(r->cfg, on_confuse_fault);
	if (cfg_parse_buf(r->cfg, r->scan->clean) != CFG_SUCCESS && r->faults->count == 0)
		conf_fault(r->faults, 0, CONF_CONFUSE_SAYS "the file cannot be read");
	set_values(r);
	set_networks(r);
	set_fingerprints(r);
	set_sections(r);
	set_families(r);
	set_log(r);
	conf_check(r->conf, r->scan, machine.hostname, r->faults);
	cfg_free(r->cfg);
}

static bool check_text(const char *text, size_t n, struct conf_faults *faults)
{
	struct str s = {text, n};
	size_t nul = str_find(s, '\0');
	if (n > CONF_TEXT_MAX)
		conf_fault(faults, 0, "the file has more than %d octets; is this the right file?",
		    CONF_TEXT_MAX);
	else if (nul < n)
		conf_fault(faults, 0, "there is a NUL at octet %zu; is this the right file?", nul);
	else
		return true;
	return false;
}

struct conf *conf_parse(const char *path, const char *text, size_t n, struct conf_faults *faults)
{
	struct conf_scan scan;
	struct reader r = {.path = path, .faults = faults, .scan = &scan};
	*faults = (struct conf_faults){0};
	ask_machine();
	if (!check_text(text, n, faults))
		return NULL;
	r.conf = xcalloc(1, sizeof(*r.conf));
	conf_scan(text, n, &scan, faults);
	read_values(&r);
	conf_scan_free(&scan);
	sort_faults(faults);
	if (faults->count == 0)
		return r.conf;
	conf_free(r.conf);
	return NULL;
}
