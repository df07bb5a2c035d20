/* SPDX-License-Identifier: ISC
 *
 * Between the parts of the configuration's reader:
 *   conf-token.c    the file as tokens
 *   conf-scan.c     the tokens as settings; every fault of form
 *   conf-options.c  the table of options, defaults, "did you mean"
 *   conf-value.c    text to typed values
 *   conf-listen.c   listeners, networks and fingerprints: lists
 *   conf-speak.c    what a listener speaks
 *   conf-titled.c   sections with titles: relay, lmtp, destination
 *   conf-check.c    what must hold of values, and between them (conf-client.c: of certificates)
 *   conf.c          all of it in order
 */
#ifndef POSTERN_CONF_INTERNAL_H
#define POSTERN_CONF_INTERNAL_H

#include "common/conf.h"

#define KIB    ((uint64_t)1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)
#define MINUTE 60
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

enum {
	CONF_TEXT_MAX = 1024 * 1024,
	CONF_TOKENS_MAX = 32768,
	CONF_SETTINGS_MAX = 1024,
	CONF_LISTENERS_MAX = 64,
	CONF_NETWORKS_MAX = 1000,
	CONF_FINGERPRINTS_MAX = 1000,
	CONF_CERTIFICATES_MAX = 100,
	CONF_FAULTS_MAX = 200,
};

/* --- Faults --- */
#define CONF_CONFUSE_SAYS "libconfuse alone says: " /* begins one that the scanner did not find */
void conf_fault(struct conf_faults *faults, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- Options --- */
enum conf_section {
#define SECTION(id, name, base) CONF_IN_##id,
#define OPTION(section, name, kind, field, standard, least, most, help)
#include "common/conf-options.def"
#undef SECTION
#undef OPTION
	CONF_SECTIONS,
};

enum conf_kind {
	CONF_TEXT,
	CONF_PATH,
	CONF_OCTETS,
	CONF_SIZE,
	CONF_SECONDS,
	CONF_COUNT,
	CONF_FLAG,
	CONF_WORD,
	CONF_POLICY,
	CONF_RATE,
	CONF_NAMES,
	CONF_LIST,
	CONF_OTHER,
};

struct conf_option {
	enum conf_section section;
	const char *name;
	enum conf_kind kind;
	size_t offset;	      /* of the field in the section's struct */
	const char *standard; /* the default as one would write it; NULL: computed */
	uint64_t least;
	uint64_t most;
	const char *help;
};

extern const struct conf_option conf_options[];
extern const size_t conf_option_count;
extern const char *const conf_section_names[CONF_SECTIONS];

const struct conf_option *conf_find_option(enum conf_section section, struct str name);
/* There can be any number of it, each with a title. */
bool conf_is_titled(enum conf_section section);
/* Two of one title stand side by side. */
bool conf_may_repeat(enum conf_section section);
/* False when there is no such section. */
bool conf_find_section(struct str name, enum conf_section *section);
/* Reports the unknown name and what was probably meant. */
void conf_unknown_option(
    struct conf_faults *faults, unsigned line, enum conf_section section, struct str name);
void conf_unknown_section(struct conf_faults *faults, unsigned line, struct str name);

/* --- The file as tokens --- */
enum conf_token_kind {
	CONF_TOKEN_WORD,
	CONF_TOKEN_STRING,
	CONF_TOKEN_SIGN,
	CONF_TOKEN_BAD, /* reported already */
	CONF_TOKEN_END,
};

struct conf_token {
	enum conf_token_kind kind;
	char sign;	 /* { } = , */
	struct str text; /* without quotes, escapes as they are */
	unsigned line;
	size_t start, end; /* in the text */
};

/* Returns how many there are, the last one an END; the caller frees the list. Blanks the comments
 * in `clean`, a copy of the text. */
size_t conf_tokens(
    struct str text, char *clean, struct conf_token **tokens, struct conf_faults *faults);
/* Makes blanks of all but line ends. */
void conf_blank(char *clean, size_t start, size_t end);

/* --- The file as settings --- */
struct conf_setting {
	const struct conf_option *option;
	struct str title; /* of the section; `title.p` tells those of one title apart */
	unsigned line;
};

struct conf_heading {
	enum conf_section section;
	struct str title;
	unsigned line;
};

/* What the file says, as far as it is well formed. Strings point into the text. */
struct conf_scan {
	struct conf_setting *settings;
	size_t setting_count;
	struct conf_heading *headings;
	size_t heading_count;
	/* The text again, with everything that is wrong and every comment blanked out, so that
	 * libconfuse finds no fault in it; NUL-terminated. */
	char *clean;
};

void conf_scan(const char *text, size_t n, struct conf_scan *scan, struct conf_faults *faults);
void conf_scan_free(struct conf_scan *scan);
/* The line of a setting, 0 when the file does not have it. `title` as in the file. */
unsigned conf_line(
    const struct conf_scan *scan, enum conf_section section, const char *name, struct str title);

/* --- Values --- */
struct conf_source {
	const char *path; /* the file */
	unsigned line;	  /* the setting's */
};

/* Sets the option's field in the struct of its section, `base`; a value that is wrong is reported
 * and leaves it as it was. */
void conf_set(void *base, const struct conf_option *option, struct conf_source source,
    const char *value, struct conf_faults *faults);
/* Absolute, without "." components; heap. */
char *conf_absolute(const char *file, const char *path);

/* Appends a copy. */
void conf_add_name(struct conf_name_list *names, const char *name);
/* The value of option->help's first words that `value` is, or -1. */
int conf_find_word(const struct conf_option *option, const char *value);
void conf_fault_word(
    struct conf_faults *faults, unsigned line, const struct conf_option *option, const char *value);
/* Frees what the section's options of this struct point to. */
void conf_free_fields(void *base, enum conf_section section);

/* --- Sections with titles --- */
/* Whether the section may be called so; reports why not. */
bool conf_check_title(
    struct conf_faults *faults, unsigned line, enum conf_section section, struct str title);
/* The same title, as far as that section is concerned. */
bool conf_is_same_title(enum conf_section section, struct str a, struct str b);
/* A new struct at the end of the section's list, with defaults; NULL for `listen`. */
void *conf_add_titled(struct conf *conf, const struct conf_heading *heading);
/* What their values must be, once all are read. */
void conf_check_titled(struct conf *conf, const struct conf_scan *scan, struct conf_faults *faults);
void conf_free_titled(struct conf *conf);

/* --- What must hold --- */
/* `hostname` is what the machine calls itself. */
void conf_check(struct conf *conf, const struct conf_scan *scan, const char *hostname,
    struct conf_faults *faults);

/* --- Listeners and networks --- */
/* "192.0.2.1", "[2001:db8::1]:5353" */
bool conf_is_server_address(struct str in);
void conf_add_network(struct conf_networks *to, unsigned line, const char *option,
    const char *value, struct conf_faults *faults);
void conf_add_fingerprint(
    struct conf *conf, unsigned line, const char *value, struct conf_faults *faults);
/* `like` has all but name, line and addresses. */
void conf_add_listener(struct conf *conf, const char *name, const struct conf_listener *like,
    unsigned line, const char *address, struct conf_faults *faults);

#endif
