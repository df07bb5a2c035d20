/* SPDX-License-Identifier: ISC
 *
 * One entry an organisation: a busy one must not push out the others, for it is their
 * agreeing that tells.
 */
#include "common/netfault.h"

/* FNV-1a, without case; never 0. Whoever makes two names collide spoils one diagnosis. */
static uint64_t hash(struct str s)
{
	uint64_t h = 14695981039346656037u;
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)ascii_lower(s.p[i])) * 1099511628211u;
	return h == 0 ? 1 : h;
}

static struct str last_labels(struct str name, unsigned count)
{
	size_t at = name.n;
	while (at > 0 && count > 0)
		if (name.p[--at] == '.' && --count == 0)
			return str_skip(name, at + 1);
	return name;
}

/* co.uk, com.au: names below which everybody may register. */
static bool is_shared(struct str two)
{
	static const char *const words[] = {
	    "ac", "co", "com", "edu", "gov", "net", "ne", "or", "org"};
	struct str label = str_head(two, str_find(two, '.'));
	if (two.n - label.n != sizeof(".uk") - 1)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_caseeq(label, str_from_cstr(words[i])))
			return true;
	return false;
}

static struct str organisation(struct str name)
{
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	struct str two = last_labels(name, 2);
	return is_shared(two) ? last_labels(name, 3) : two;
}

static bool is_current(const struct netfault_seen *s, uint64_t now)
{
	return s->organisation != 0 && now - s->at <= NETFAULT_WINDOW_MS;
}

/* Its own entry, else an empty one, else the oldest. */
static struct netfault_seen *entry_of(struct netfault_seen *list, uint64_t organisation)
{
	struct netfault_seen *oldest = list;
	for (size_t i = 0; i < NETFAULT_SEEN; i++)
		if (list[i].organisation == organisation)
			return &list[i];
	for (size_t i = 0; i < NETFAULT_SEEN; i++) {
		if (list[i].organisation == 0)
			return &list[i];
		if (list[i].at < oldest->at)
			oldest = &list[i];
	}
	return oldest;
}

static unsigned count(const struct netfault_seen *list, enum netfault_sight sight, uint64_t now)
{
	unsigned n = 0;
	for (size_t i = 0; i < NETFAULT_SEEN; i++)
		n += list[i].sight == sight && is_current(&list[i], now);
	return n;
}

/* One name that greets for several organisations, at most one of which it is of. */
static bool is_diverted(const struct netfault_seen *list, uint64_t now)
{
	for (size_t i = 0; i < NETFAULT_SEEN; i++) {
		unsigned strangers = 0;
		for (size_t k = 0; k < NETFAULT_SEEN; k++)
			strangers += list[k].sight == SIGHT_GREETED && is_current(&list[k], now) &&
				     list[k].who == list[i].who && !list[k].own;
		if (list[i].sight == SIGHT_GREETED && strangers >= NETFAULT_UNRELATED)
			return true;
	}
	return false;
}

static enum netfault judge(const struct netfaults *n, uint64_t now)
{
	if (count(n->names, SIGHT_FORGED, now) >= NETFAULT_UNRELATED &&
	    count(n->names, SIGHT_NAMES, now) == 0)
		return NETFAULT_DNS;
	if (is_diverted(n->links, now))
		return NETFAULT_DIVERTED;
	if (count(n->links, SIGHT_NO_LINK, now) >= NETFAULT_UNRELATED &&
	    count(n->links, SIGHT_GREETED, now) == 0)
		return NETFAULT_BLOCKED;
	return NETFAULT_NONE;
}

bool netfaults_note(
    struct netfaults *n, enum netfault_sight sight, struct str name, struct str who, uint64_t now)
{
	bool is_link = sight == SIGHT_GREETED || sight == SIGHT_NO_LINK;
	struct str of = organisation(name);
	if (name.n == 0 || (sight == SIGHT_GREETED && who.n == 0))
		return false;
	struct netfault_seen *s = entry_of(is_link ? n->links : n->names, hash(of));
	*s = (struct netfault_seen){.organisation = hash(of),
	    .sight = (uint8_t)sight,
	    .who = hash(who),
	    .own = str_caseeq(organisation(who), of),
	    .at = now};
	enum netfault before = n->verdict;
	n->verdict = judge(n, now);
	return n->verdict != before;
}

struct str netfault_greeter(struct str greeting)
{
	size_t i = 3;
	if (greeting.n < 4 || (greeting.p[3] != ' ' && greeting.p[3] != '-'))
		return (struct str){NULL, 0};
	struct str rest = str_skip(greeting, i + 1);
	for (i = 0; i < rest.n && (unsigned char)rest.p[i] > ' '; i++)
		;
	return str_head(rest, i);
}

const char *netfault_name(enum netfault fault)
{
	static const char *const names[] = {
	    [NETFAULT_NONE] = "",
	    [NETFAULT_BLOCKED] = "outbound port 25 seems to be blocked",
	    [NETFAULT_DIVERTED] = "outbound port 25 is diverted to one server",
	    [NETFAULT_DNS] = "the name servers forge or withhold answers",
	};
	return names[fault];
}

#define RELAY_LINES                                                                                \
	"    relay \"provider\" { host = \"smtp.provider.example:465\"  login = \"provider\" }\n"  \
	"in postern.conf, the line\n"                                                              \
	"    provider  USER  PASSWORD\n"                                                           \
	"in the table `logins` beside the other tables, then\n"                                    \
	"    postern table build && postern reload\n"                                              \
	"What waits in the queue goes out by that way, too.\n"

const char *netfault_remedy(enum netfault fault)
{
	static const char *const remedies[] = {
	    [NETFAULT_NONE] = "",
	    [NETFAULT_BLOCKED] =
		"Servers of several unrelated domains cannot be connected to at port 25. Many\n"
		"providers block it. Ask yours to open it for this machine, or let the provider's\n"
		"server relay your mail; write\n" RELAY_LINES,
	    [NETFAULT_DIVERTED] =
		"One and the same server answers for unrelated domains: somebody between here and\n"
		"the internet diverts connections to port 25 and reads, refuses or loses the "
		"mail.\n"
		"Ask the provider to stop it, or let a server relay your mail over TLS; "
		"write\n" RELAY_LINES,
	    [NETFAULT_DNS] =
		"What the name servers say of the exchangers of several unrelated domains is not\n"
		"what their owners signed. Let Postern ask the servers of the domains itself: "
		"remove\n"
		"`forwarders` from the section resolver of postern.conf, or name forwarders that "
		"do\n"
		"not tamper, such as\n"
		"    resolver { forwarders = { \"192.0.2.53\" } }\n"
		"with an address of yours, then\n"
		"    postern reload\n",
	};
	return remedies[fault];
}
