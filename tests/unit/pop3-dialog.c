/* SPDX-License-Identifier: ISC */
#include "tests/unit/pop3-dialog.h"
#include "common/buf.h"
#include "pop3d/login.h"
#include "pop3d/maildir-drop.h"
#include "pop3d/session.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAID_MAX = 4 * 1024 * 1024, NARROW_PIECE = 7 };

struct player {
	const struct pop3_dialog_mode *mode;
	int root;
	struct login login;
	struct maildrop *drop;
	struct session *session; /* NULL before the login */
	struct buf in;
	struct buf out;	  /* between core and client */
	struct buf said;  /* what the client has received and no S line has matched */
	struct buf group; /* C lines that are not sent yet */
	size_t longest;
	bool passwords;
	unsigned offer, failures_max;
	unsigned step; /* messages of an exchange */
	bool started, closed;
	bool expecting; /* the last line was an S line */
};

static unsigned hex(char c)
{
	return ascii_is_digit(c) ? (unsigned)(c - '0') : (unsigned)(ascii_lower(c) - 'a' + 10);
}

/* One escape at p (behind the backslash); returns the octets it took. */
static size_t unescape_one(struct str rest, struct buf *out)
{
	static const char names[] = "rnt0\\", values[] = "\r\n\t\0\\";
	const char *at = rest.n == 0 ? NULL : memchr(names, rest.p[0], sizeof(names) - 1);
	if (at != NULL) {
		buf_append_u8(out, (uint8_t)values[at - names]);
		return 1;
	}
	if (rest.n >= 3 && rest.p[0] == 'x') {
		buf_append_u8(out, (uint8_t)(hex(rest.p[1]) << 4 | hex(rest.p[2])));
		return 3;
	}
	size_t colon = str_find(rest, ':'), end = str_find(rest, '}');
	unsigned long times = strtoul(rest.p + 1, NULL, 10);
	for (unsigned long i = 0; i < times; i++)
		buf_append(out, rest.p + colon + 1, end - colon - 1);
	return end + 1;
}

/* False: the line ends with \c. */
static bool unescape(struct str text, struct buf *out)
{
	for (size_t i = 0; i < text.n;) {
		if (text.p[i] != '\\') {
			buf_append_u8(out, (uint8_t)text.p[i++]);
			continue;
		}
		if (i + 2 == text.n && text.p[i + 1] == 'c')
			return false;
		i += 1 + unescape_one(str_skip(text, i + 1), out);
	}
	return true;
}

/* The client receives; in `narrow` a little at a time, so that the core often finds no room. */
static void receive(struct player *p)
{
	size_t n = buf_len(&p->out);
	if (p->mode->narrow && n > NARROW_PIECE && n > p->out.max / 2)
		n = p->out.max / 2;
	buf_append(&p->said, buf_data(&p->out), n);
	buf_consume(&p->out, n);
}

static void hang_up(struct player *p)
{
	while (buf_len(&p->out) > 0)
		receive(p);
	p->closed = true;
}

static void run_session(struct player *p)
{
	enum session_need need = SESSION_ROOM;
	while (need == SESSION_ROOM || buf_len(&p->out) > 0) {
		if (need != SESSION_OVER && need != SESSION_CUT)
			need = session_run(p->session, &p->in, &p->out);
		if (need == SESSION_CUT)
			break;
		receive(p);
	}
	if (need == SESSION_OVER || need == SESSION_CUT)
		hang_up(p);
}

static void begin_session(struct player *p)
{
	int mailbox = openat(p->root, "mailbox", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->drop = maildir_drop_open(mailbox);
	if (mailbox >= 0)
		close(mailbox);
	p->session = session_new(p->drop);
	session_greet(p->session, &p->out);
}

/* What directory would say: PLAIN and LOGIN; SCRAM's first message is answered by "first", a second
 * of "secret" by "v=ok". */
static enum login_verdict verdict(struct str message)
{
	if (str_eq(str_head(message, 17), STR("\0temp@example.org")))
		return LOGIN_TEMPORARY;
	if (str_eq(str_head(message, 17), STR("\0many@example.org")))
		return LOGIN_LIMITED;
	bool right = str_eq(message, STR("\0ann@example.org\0ann's secret")) ||
		     str_eq(message, STR("ann's secret"));
	return right ? LOGIN_OK : LOGIN_BAD;
}

static enum login_next ask_directory(struct player *p, enum login_next what)
{
	static const char *const words[] = {"", "Username:", "Password:"};
	struct login *l = &p->login;
	p->step = what == LOGIN_BEGIN ? l->has_initial : p->step + 1;
	unsigned last = l->mechanism == AUTH_PLAIN ? 1 : 2;
	enum login_next next = LOGIN_READ;
	if (p->step == last)
		next = login_answer(l, verdict(buf_str(&l->message)),
		    l->mechanism == AUTH_SCRAM_SHA_256 ? STR("v=ok") : STR(""), &p->out);
	else if (l->mechanism == AUTH_LOGIN)
		login_challenge(l, str_from_cstr(words[p->step + 1]), &p->out);
	else
		login_challenge(l, p->step == 1 ? STR("first") : STR(""), &p->out);
	login_wipe(l);
	return next;
}

static void run_login(struct player *p)
{
	enum login_next next;
	bool more;
	do {
		next = login_input(&p->login, &p->in, &p->out);
		more = next == LOGIN_CANCEL || next == LOGIN_BEGIN || next == LOGIN_RESPOND;
		if (next == LOGIN_BEGIN || next == LOGIN_RESPOND)
			next = ask_directory(p, next);
		if (next == LOGIN_LET_IN) {
			begin_session(p);
			run_session(p);
			return;
		}
	} while (more && next != LOGIN_CLOSE);
	receive(p);
	if (next == LOGIN_CLOSE || next == LOGIN_DROP)
		hang_up(p);
}

static void feed(struct player *p, struct str piece)
{
	if (p->closed)
		return;
	buf_append_str(&p->in, piece);
	if (p->session != NULL)
		run_session(p);
	else
		run_login(p);
}

static void start(struct player *p)
{
	if (p->started)
		return;
	p->started = true;
	login_init(&p->login, p->passwords, p->offer, p->failures_max);
	login_greet(&p->out, "mx.example.org");
	receive(p);
}

static void send_group(struct player *p)
{
	struct str all = buf_str(&p->group);
	size_t step = p->mode->octets ? 1 : all.n;
	if (all.n > p->longest)
		p->longest = all.n;
	if (p->mode->cut > 0 && p->mode->cut < all.n) {
		feed(p, str_head(all, p->mode->cut));
		all = str_skip(all, p->mode->cut);
		step = all.n;
	}
	for (; all.n > 0; all = str_skip(all, step))
		feed(p, str_head(all, step));
	buf_reset(&p->group);
}

static const char *on_said(struct player *p, struct str wanted)
{
	start(p);
	send_group(p);
	p->expecting = true;
	if (str_eq(wanted, STR("<closed>")))
		return buf_len(&p->said) > 0 ? "the server said more before it closed"
		       : p->closed	     ? NULL
					     : "the server did not close";
	struct str said = buf_str(&p->said);
	size_t lf = str_find(said, '\n');
	if (lf == said.n)
		return "the server said nothing more";
	if (lf == 0 || said.p[lf - 1] != '\r')
		return "the server's line does not end in CRLF";
	struct str line = str_head(said, lf - 1);
	struct buf expected = BUF_INIT(SAID_MAX);
	bool open = wanted.n >= 3 && memcmp(wanted.p + wanted.n - 3, "...", 3) == 0;
	unescape(str_head(wanted, wanted.n - (open ? 3 : 0)), &expected);
	bool same =
	    open ? str_has_prefix(line, buf_str(&expected)) : str_eq(line, buf_str(&expected));
	buf_release(&expected);
	if (!same)
		return "the server said something else";
	buf_consume(&p->said, lf + 1);
	return NULL;
}

static const char *on_client(struct player *p, struct str text)
{
	start(p);
	if (p->expecting && buf_len(&p->said) > 0)
		return "the server had said more";
	p->expecting = false;
	if (unescape(text, &p->group))
		buf_append(&p->group, "\r\n", 2);
	return NULL;
}

/* "PATH TEXT": a file in the mailbox. */
static const char *on_file(struct player *p, struct str text)
{
	struct buf path = BUF_INIT(300), content = BUF_INIT(SAID_MAX);
	size_t n = str_find(text, ' ');
	(void)p;
	buf_append_str(&path, STR("mailbox/"));
	unescape(str_head(text, n), &path);
	buf_append_u8(&path, '\0');
	unescape(str_skip(text, n + 1), &content);
	scratch_write((const char *)buf_data(&path), buf_str(&content));
	buf_release(&path);
	buf_release(&content);
	return NULL;
}

static const char *on_setting(struct player *p, struct str text)
{
	size_t n = str_find(text, ' ');
	struct str name = str_head(text, n), value = str_skip(text, n + 1);
	if (str_eq(name, STR("file")))
		return on_file(p, value);
	if (str_eq(name, STR("passwords")))
		p->passwords = str_eq(value, STR("yes"));
	else if (str_eq(name, STR("scram")))
		p->offer = (str_eq(value, STR("only")) ? 0U : p->offer) | AUTH_SCRAM_SHA_256;
	else if (str_eq(name, STR("login-failures-max")))
		p->failures_max = (unsigned)strtoul(value.p, NULL, 10);
	else
		return "unknown setting";
	return NULL;
}

/* What another reader of the mailbox does: "move FROM TO", "remove PATH", "file PATH TEXT". */
static const char *on_other_reader(struct player *p, struct str text)
{
	char from[300], to[300];
	start(p);
	send_group(p);
	size_t n = str_find(text, ' ');
	struct str verb = str_head(text, n), rest = str_skip(text, n + 1);
	size_t m = str_find(rest, ' ');
	if (rest.p == NULL)
		return "needs a name";
	snprintf(from, sizeof(from), "mailbox/%.*s", (int)m, rest.p);
	snprintf(to, sizeof(to), "mailbox/%.*s", STR_ARG(str_skip(rest, m + 1)));
	if (str_eq(verb, STR("move")))
		return renameat(p->root, from, p->root, to) == 0 ? NULL : "cannot be moved";
	if (str_eq(verb, STR("remove")))
		return unlinkat(p->root, from, 0) == 0 ? NULL : "cannot be removed";
	return str_eq(verb, STR("file")) ? on_file(p, rest) : "unknown deed";
}

/* "PATH ...": exactly these files are in the mailbox. */
static const char *on_files(struct player *p, struct str text)
{
	size_t wanted = 0;
	start(p);
	send_group(p);
	for (; text.n > 0; wanted++) {
		char path[300];
		size_t n = str_find(text, ' ');
		snprintf(path, sizeof(path), "mailbox/%.*s", (int)n, text.p);
		if (!scratch_exists(path))
			return "a file is not there";
		text = str_skip(text, n + 1);
	}
	return scratch_count("mailbox/new", NULL) + scratch_count("mailbox/cur", NULL) == wanted
		   ? NULL
		   : "there are more files";
}

static const struct {
	struct str mark;
	const char *(*fn)(struct player *, struct str);
} kinds[] = {
    {STR("C:"), on_client},
    {STR("S:"), on_said},
    {STR("@ "), on_setting},
    {STR("X:"), on_other_reader},
    {STR("F:"), on_files},
};

static const char *on_line(struct player *p, struct str line)
{
	if (line.n == 0 || line.p[0] == '#')
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_has_prefix(line, kinds[i].mark)) {
			size_t skip = line.n > 2 && line.p[2] == ' ' ? 3 : 2;
			return kinds[i].fn(p, str_skip(line, skip));
		}
	return "a line of no known kind";
}

static void init(struct player *p, const struct pop3_dialog_mode *mode)
{
	*p = (struct player){.mode = mode, .passwords = true, .offer = AUTH_PLAIN | AUTH_LOGIN, .failures_max = 3};
	p->root = scratch_open();
	scratch_mkdir("mailbox");
	scratch_mkdir("mailbox/new");
	scratch_mkdir("mailbox/cur");
	buf_init(&p->in, SESSION_INPUT_MAX);
	buf_init(&p->out, mode->narrow ? 40 * 1024 : SESSION_OUTPUT_MAX);
	buf_init(&p->said, SAID_MAX);
	buf_init(&p->group, SAID_MAX);
}

static void release(struct player *p)
{
	session_free(p->session);
	maildir_drop_free(p->drop);
	login_release(&p->login);
	buf_release(&p->in);
	buf_release(&p->out);
	buf_release(&p->said);
	buf_release(&p->group);
	scratch_close();
}

static void describe(
    const struct player *p, unsigned number, const char *why, char *fault, size_t size)
{
	struct str said = buf_str(&p->said);
	said = str_head(said, str_find(said, '\r'));
	snprintf(fault, size, "line %u: %s; next is \"%.*s\"", number, why,
	    STR_ARG(str_head(said, 200)));
}

bool pop3_dialog_run(struct str text, const struct pop3_dialog_mode *mode, size_t *longest,
    char *fault, size_t fault_size)
{
	struct player p;
	const char *why = NULL;
	unsigned number = 0;
	init(&p, mode);
	while (text.n > 0 && why == NULL) {
		size_t n = str_find(text, '\n');
		why = on_line(&p, str_head(text, n));
		text = str_skip(text, n + 1);
		number++;
	}
	if (why == NULL && p.expecting && buf_len(&p.said) > 0)
		why = "the server had said more";
	if (why != NULL)
		describe(&p, number, why, fault, fault_size);
	*longest = p.longest;
	release(&p);
	return why == NULL;
}
